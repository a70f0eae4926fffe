# Breaks: that live requests come after those of the service manager
# File: broker/live/live.c
# Test: live test_host_comes_first
s/SD_EVENT_PRIORITY_IDLE/SD_EVENT_PRIORITY_NORMAL/
