# Breaks: the size of the configuration
# Limit: LIMIT_CONFIG_BYTES
# File: lib/policy/host_config.c
# Test: host_config
s/LIMIT_CONFIG_BYTES, reason/2 * LIMIT_CONFIG_BYTES, reason/
