# Breaks: that a control connection whose call is being answered stays
# File: broker/control/control.c
# Test: control test_busy_connection
s/if \(!control_is_busy\(control\) && /if (/
