# Breaks: that the broker looks at the file whose copy it has
# File: broker/request/host_resources.c
# Test: connection test_host_key_is_unsafe
s/host_key_check_source\(config->context, reason, &stamp\)/(stamp = config->host_key, 0)/
