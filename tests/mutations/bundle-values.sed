# Breaks: the number of values in a bundle, before json-c sees them
# File: lib/base/json.c
# Test: bundle test_values
s/return found <= marks/return found > 0/
