# Breaks: when the broker stops because of entries that wait for the journal
# Limit: LIMIT_AUDIT_WAITING
# File: lib/audit/journal.c
# Test: journal test_full_and_room_again
s/(return journal->event && journal->count) >= LIMIT_AUDIT_WAITING/\1 >= LIMIT_AUDIT_WAITING \/ 2/
