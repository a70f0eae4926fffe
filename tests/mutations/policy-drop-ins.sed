# Breaks: the number of drop-ins of a policy
# Limit: LIMIT_POLICY_DROP_INS
# File: lib/policy/policy_load.c
# Test: policy_load
s/count > LIMIT_POLICY_DROP_INS/false/
