# Breaks: the number of entries that wait for the journal
# Limit: LIMIT_AUDIT_WAITING
# File: lib/audit/journal.c
# Test: journal test_what_is_lost_is_told
s/journal->count >= LIMIT_AUDIT_WAITING \+/journal->count >= 2 * LIMIT_AUDIT_WAITING +/
