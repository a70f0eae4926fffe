# Breaks: how often a request is handed on
# Limit: LIMIT_HANDOVERS
# File: broker/request/connection.c
# Test: survival test_poison
s/deaths >= LIMIT_HANDOVERS/deaths > LIMIT_HANDOVERS/
