# Breaks: how long a broker that restarts answers what it has
# Limit: LIMIT_RESTART_USEC
# File: broker/process/worker.c
# Test: survival test_restart
s/phase == PHASE_RESTARTS \? config->restart_usec/phase == PHASE_RESTARTS ? 10000 * config->restart_usec/
