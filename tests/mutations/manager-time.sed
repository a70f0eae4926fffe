# Breaks: how long the broker waits for the service manager's confirmation
# Limit: LIMIT_MANAGER_MSEC
# File: broker/process/handover.c
# Test: survival test_restart_without_store
s/= listeners->manager_msec/= 10000 * listeners->manager_msec/
