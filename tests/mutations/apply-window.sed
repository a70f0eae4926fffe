# Breaks: that a unit that was restarted too often is restarted when the window has ended
# Limit: LIMIT_APPLY_WINDOW_USEC
# File: apply/apply_state.c
# Test: apply test_without_end
s/now - unit->since < LIMIT_APPLY_WINDOW_USEC/now - unit->since < 100 * LIMIT_APPLY_WINDOW_USEC/
