# Breaks: that a commit does not hide a rollback
# File: lib/store/rollback.c
# Test: rollback test_fleets
s/if \(r != 0 \|\| !fits\)/if (r != 0 || (false \&\& !fits))/
