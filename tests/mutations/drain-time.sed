# Breaks: how long a broker that is to end finishes what it has
# Limit: LIMIT_DRAIN_USEC
# File: broker/process/worker.c
# Test: survival test_drain_has_an_end
s/: config->drain_usec;/: 1000 * config->drain_usec;/
