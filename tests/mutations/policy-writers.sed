# Breaks: that not everybody may write to a policy
# File: lib/policy/policy_load.c
# Test: policy_load
s/status.st_mode & S_IWOTH/false/
