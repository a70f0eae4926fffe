# Breaks: the number of live connections that wait
# Limit: LIMIT_LIVE_BACKLOG
# File: broker/live/live.c
# Test: live test_backlog
s/listen\(fd, LIMIT_LIVE_BACKLOG/listen(fd, 4096/
