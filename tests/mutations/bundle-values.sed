# Breaks: the number of values in a bundle, before json-c sees them
# File: lib/fleet/bundle.c
# Test: bundle test_values
s/return marks <= MARKS_MAX/return marks > 0/
