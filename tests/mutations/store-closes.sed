# Breaks: that the service manager may close a descriptor late
# File: broker/process/notify.c
# Test: survival test_restart_without_store
s/is_closed\(stored, CLOSE_MSEC\)/is_closed(stored, 0)/
