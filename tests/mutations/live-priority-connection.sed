# Breaks: that live connections come after those of the service manager
# File: broker/request/connection.c
# Test: live test_host_comes_first
s/SD_EVENT_PRIORITY_IDLE/SD_EVENT_PRIORITY_NORMAL/
