# Breaks: a restored file that the disk does not give back is not replaced by the one that failed
# File: lib/fleet/fleet_set.c
# Test: apply test_unreadable_previous
s/if \(r < 0\) \/\* not the value/if (false \&\& r < 0) \/* not the value/
