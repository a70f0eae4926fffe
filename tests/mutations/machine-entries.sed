# Breaks: the number of credentials of a machine that are listed
# Limit: LIMIT_MACHINE_ENTRIES
# File: lib/store/store.c
# Test: store test_too_many
# Lines: 2
s/listing.count > LIMIT_MACHINE_ENTRIES/false/
s/listing->count \+ LIMIT_MACHINE_ENTRIES/listing->count + 100 * LIMIT_MACHINE_ENTRIES/
