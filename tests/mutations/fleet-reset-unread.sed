# Breaks: a set that the disk does not give back is taken for none after a reset alone
# File: lib/fleet/fleet_set.c
# Test: fleet_set test_unreadable
s/else if \(unread && read_reset\(&set, NULL, &reset\) == 0 && reset\)/else if (unread \&\& (reset = true))/
