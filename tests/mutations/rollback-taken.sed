# Breaks: that an index that another program has taken is a rollback
# File: broker/request/rollback_guard.c
# Test: rollback_guard test_noticed
s/ \|\| r == OUTCOME_TPM_NV_TAKEN\)/)/
