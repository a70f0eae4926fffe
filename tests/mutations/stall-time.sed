# Breaks: when a peer has stalled
# Limit: LIMIT_STALL_USEC
# File: broker/request/connection.c
# Test: connection test_stalled_clients
s/(set->config->stall_usec), 0, on_stalled/1000 * \1, 0, on_stalled/
