# Breaks: that a fleet is in the state once
# File: lib/store/rollback_state.c
# Test: rollback_state test_lines
s/ && !rollback_state_find\(state, name\)\)/)/
