# Breaks: the length of a value in the configuration
# Limit: LIMIT_CONFIG_VALUE_BYTES
# File: lib/policy/host_config.c
# Test: host_config
s/strlen\(text\) >= LIMIT_CONFIG_VALUE_BYTES/strlen(text) > LIMIT_CONFIG_VALUE_BYTES/
