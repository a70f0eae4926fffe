# Breaks: that the state has an index of the owner
# File: lib/store/rollback_state.c
# Test: rollback_state test_lines
s/return counter >= TPM_COUNTER_FIRST && counter <= TPM_COUNTER_LAST;/return counter > 0;/
