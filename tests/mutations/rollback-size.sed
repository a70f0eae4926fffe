# Breaks: the size of the rollback state
# Limit: LIMIT_ROLLBACK_BYTES
# File: lib/store/rollback_state.c
# Test: rollback_state test_limits
s/text\.size >= LIMIT_ROLLBACK_BYTES/text.size >= 4 * LIMIT_ROLLBACK_BYTES/
