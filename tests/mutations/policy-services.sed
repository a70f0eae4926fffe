# Breaks: the number of services of a credential
# Limit: LIMIT_POLICY_SERVICES
# File: lib/policy/policy_file.c
# Test: policy
s/json_length\(value\) > LIMIT_POLICY_SERVICES/json_length(value) > 2 * LIMIT_POLICY_SERVICES/
