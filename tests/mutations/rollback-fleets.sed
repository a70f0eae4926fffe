# Breaks: the number of fleets in the rollback state
# Limit: LIMIT_ROLLBACK_FLEETS
# File: lib/store/rollback_state.c
# Test: rollback_state test_limits
s/state->fleet_count == LIMIT_ROLLBACK_FLEETS/state->fleet_count == LIMIT_ROLLBACK_FLEETS - 1/
