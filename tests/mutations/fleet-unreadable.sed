# Breaks: a list of restored or pending files that the disk does not give back is not an empty one
# File: lib/fleet/fleet_set.c
# Test: fleet_set test_unreadable
s/return r < 0 \? r : 0;/return r == -ENOMEM ? r : 0;/
