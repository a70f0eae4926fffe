# Breaks: that a missing counter is a rollback
# File: broker/request/rollback_guard.c
# Test: rollback_guard test_noticed
s/r == OUTCOME_TPM_NO_COUNTER \|\| //
