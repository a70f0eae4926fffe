# Breaks: that a connection that the service manager has stored, too, is answered once
# File: broker/process/shelter.c
# Test: shelter test_next_broker
s/if \(i == count && count < HANDOVER_FD_MAX/if (count < HANDOVER_FD_MAX/
