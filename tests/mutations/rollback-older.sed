# Breaks: that an older state is a rollback
# File: lib/store/rollback_state.c
# Test: rollback_state test_verdict
s/if \(value == state->value\)/if (value >= state->value)/
