# Breaks: that a broker whose connections were not stored stays
# File: broker/process/notify.c
# Test: survival test_restart_without_store
s/if \(is_closed\(stored, CLOSE_MSEC\)\)/if (false \&\& is_closed(stored, CLOSE_MSEC))/
