# Breaks: that what an interrupted run has restarted is not restarted again
# File: apply/apply.c
# Test: apply test_interrupted
s/unit->resumed = apply_state_has_unit\(/unit->resumed = false \&\& apply_state_has_unit(/
