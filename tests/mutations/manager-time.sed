# Breaks: how long the broker waits for the service manager's confirmation
# Limit: LIMIT_MANAGER_MSEC
# File: broker/process/worker.c
# Test: survival test_restart_without_store
s/worker->config->manager_msec/10000 * worker->config->manager_msec/
