# Breaks: the number of services of a credential
# Limit: LIMIT_POLICY_SERVICES
# File: lib/policy/policy_file.c
# Test: policy
s/count > LIMIT_POLICY_SERVICES/count > 2 * LIMIT_POLICY_SERVICES/
