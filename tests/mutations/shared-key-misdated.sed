# Breaks: files whose time of writing was set ahead do not count
# File: lib/store/shared_key.c
# Test: shared_key
s/entry->misdated \? OUTCOME_NOT_FOUND/false \? OUTCOME_NOT_FOUND/
