# Breaks: that a live connection is one of its socket
# File: broker/process/handover.c
# Test: handover test_live_machine
s/!machine_name_valid\(name\)/false/
