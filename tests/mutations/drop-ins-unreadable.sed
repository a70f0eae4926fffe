# Breaks: that drop-ins that cannot be read make a bad policy
# File: lib/policy/policy_load.c
# Test: policy_load
/^static int add_drop_ins/,/^}/s/r = list\(path, SUFFIX/list(path, SUFFIX/
