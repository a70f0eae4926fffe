# Breaks: that only the file that was there before is served again
# File: lib/fleet/fleet_set.c
# Test: apply test_previous
s/if \(strcmp\(digest, restored->sha256\) != 0\)/if (false \&\& strcmp(digest, restored->sha256) != 0)/
