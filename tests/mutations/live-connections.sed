# Breaks: the number of live connections
# Limit: LIMIT_LIVE_CONNECTIONS
# File: broker/live/live.c
# Test: live test_greedy_machines
s/set->connections < LIMIT_LIVE_CONNECTIONS/set->connections < 100 * LIMIT_LIVE_CONNECTIONS/
