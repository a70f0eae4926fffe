# Breaks: how often a fleet's changes may have a unit restarted
# Limit: LIMIT_APPLY_JOBS
# File: apply/apply_state.c
# Test: apply test_without_end
s/found->jobs >= LIMIT_APPLY_JOBS/found->jobs >= 100 * LIMIT_APPLY_JOBS/
