# Breaks: the number of live connections of a machine
# Limit: LIMIT_LIVE_OF_MACHINE
# File: broker/live/live.c
# Test: live test_greedy_machine
s/ && socket->connections < LIMIT_LIVE_OF_MACHINE//
