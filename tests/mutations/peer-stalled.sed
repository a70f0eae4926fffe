# Breaks: the number of stalled connections of one process
# Limit: LIMIT_PEER_STALLED
# File: broker/request/connection.c
# Test: connection test_stalled_clients
s/of_peer > config->peer_stalled_max/false/
