# Breaks: the number of connections of one process
# Limit: LIMIT_PER_PEER
# File: broker/request/connection.c
# Test: connection test_greedy_client
s/of_peer > c->set->config->peer_max/false/
