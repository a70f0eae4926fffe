# Breaks: the pause after the TPM failed
# Limit: LIMIT_ROLLBACK_RETRY_USEC
# File: broker/request/rollback_guard.c
# Test: rollback_guard test_unchecked
/^static void fail/,/^}/ s/guard->config->rollback_retry_usec, on_again\);/1000 * guard->config->rollback_retry_usec, on_again);/
