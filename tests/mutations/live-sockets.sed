# Breaks: the number of machines with a live socket
# Limit: LIMIT_LIVE_SOCKETS
# File: broker/live/live.c
# Test: live test_too_many_machines
s/set->count >= LIMIT_LIVE_SOCKETS/false/
