# Breaks: the number of an etcd's endpoints
# Limit: LIMIT_CARRIER_ENDPOINTS
# File: lib/fleet/carrier_settings.c
# Test: carrier_settings test_invalid
s/count > LIMIT_CARRIER_ENDPOINTS/count > 2 * LIMIT_CARRIER_ENDPOINTS/
