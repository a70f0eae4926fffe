# Breaks: that only the file that was served before is delivered until a pending one opens
# File: lib/fleet/fleet_set.c
# Test: offer_pending test_pending_and_a_foreign_file
s/if \(strcmp\(digest, listed->sha256\) != 0\)/if (false \&\& strcmp(digest, listed->sha256) != 0)/
