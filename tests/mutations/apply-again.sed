# Breaks: that what an interrupted run has restarted is not restarted again
# File: apply/apply.c
# Test: apply test_interrupted
s/unit->resumed = !known->begun;/unit->resumed = false;/
