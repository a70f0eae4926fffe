# Breaks: that nothing waits for a busy service manager
# File: broker/process/notify.c
# Test: survival test_manager_is_busy
s/SOCK_CLOEXEC \| SOCK_NONBLOCK, 0/SOCK_CLOEXEC, 0/
