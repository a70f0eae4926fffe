# Breaks: the number of credentials in a policy
# Limit: LIMIT_POLICY_CREDENTIALS
# File: lib/policy/policy.c
# Test: policy
s/policy->count == LIMIT_POLICY_CREDENTIALS/false/
