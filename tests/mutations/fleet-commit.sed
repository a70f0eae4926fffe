# Breaks: whether files and bundle of a set change together
# File: lib/fleet/fleet_commit.c
# Test: fleet_commit test_killed_over_a_set
s/wanted\.record_count = records\.count;/wanted.record_count = count > 0 ? 0 : records.count;/
