# Breaks: that only what has a previous value counts as restored
# File: lib/fleet/fleet_set.c
# Test: apply test_previous_of_one
s/names\[\(\*ret_count\)\+\+\] = names\[i\];/(*ret_count)++;/
