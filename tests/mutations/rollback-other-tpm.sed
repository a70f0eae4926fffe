# Breaks: that a state which is ahead of the counter is a rollback
# File: lib/store/rollback_state.c
# Test: rollback_state test_verdict
s/if \(value \+ 1 == state->value\)/if (value < state->value)/
