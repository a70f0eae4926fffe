# Breaks: that a file that was missing is looked for again
# File: lib/policy/policy_load.c
# Test: policy_load
/^static int add_file/,/^}/s/int r = add_stamp\(loader, path\)/int r = 0/
