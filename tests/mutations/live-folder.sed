# Breaks: that a live socket is in the directory of live sockets
# File: broker/process/handover.c
# Test: handover test_live_machine
s/address.sun_path\[length\] != '.'\)/false)/
