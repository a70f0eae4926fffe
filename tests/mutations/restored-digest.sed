# Breaks: that only the file that was there before is served again
# File: lib/fleet/fleet_set.c
# Test: apply test_previous
s/if \(strcmp\(digest, listed->sha256\) != 0\)/if (false \&\& strcmp(digest, listed->sha256) != 0)/
