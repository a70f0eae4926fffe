# Breaks: that drop-ins that cannot be read make a bad policy
# File: lib/policy/policy_load.c
# Test: policy_load
s/return r == 0 \? 0 : bad_file\(loader->fault, path, strerror\(-r\)\);/return 0;/
