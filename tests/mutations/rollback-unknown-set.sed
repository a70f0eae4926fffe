# Breaks: that a set which the state does not know is a rollback
# File: lib/rollback/rollback_check.c
# Test: rollback test_fleets
s/if \(!rollback_state_find\(said, now->fleets\[i\]\.name\)\)/if (false)/
