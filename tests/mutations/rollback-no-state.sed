# Breaks: that a state which somebody removed is a rollback
# File: lib/store/rollback.c
# Test: rollback test_state_and_key
s/if \(r == 0 && !has_file\(rollback, KEY\) && !has_file\(rollback, STATE\)\)/if (r == 0 \&\& !has_file(rollback, STATE))/
