# Breaks: the number of stalled connections that do not count
# Limit: LIMIT_STALLED
# File: broker/request/connection.c
# Test: connection test_too_many_stalled_secrets
s/set->stalled < set->config->stalled_max \?.*/set->stalled;/
