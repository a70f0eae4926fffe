# Breaks: the number of stalled refusals
# Limit: LIMIT_STALLED
# File: broker/request/connection.c
# Test: connection test_too_many_stalled_refusals
s/c->set->stalled > config->stalled_max/false/
