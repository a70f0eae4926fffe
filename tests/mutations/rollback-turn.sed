# Breaks: that one process at a time increments the counter
# File: lib/store/rollback.c
# Test: rollback test_one_at_a_time
s/if \(flock\(turn, LOCK_EX \| LOCK_NB\) < 0\)/if (false)/
