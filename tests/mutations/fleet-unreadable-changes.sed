# Breaks: a list of changes that the disk does not give back is not lost
# File: lib/fleet/fleet_commit.c
# Test: fleet_commit test_unreadable
/fleet_set_changes/,/return r;/s/if \(r < 0\)/if (r == -ENOMEM)/
