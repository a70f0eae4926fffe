# Breaks: that accept() on a control socket is not tried all the time while it fails
# File: broker/control/control.c
# Test: control test_no_descriptors
s/ACCEPT_WINDOW_USEC, ACCEPT_TURNS\)/ACCEPT_WINDOW_USEC, 1000000 * ACCEPT_TURNS)/
