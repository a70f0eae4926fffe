# Breaks: the number of connections that are served
# Limit: LIMIT_CONNECTIONS
# File: broker/process/worker.c
# Test: connection test_connection_limit
s/others < worker->config->connections_max/others < 100 * worker->config->connections_max/
