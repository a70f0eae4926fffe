# Breaks: that a reader looks again at a store that changes
# Limit: LIMIT_STORE_LOOKS
# File: lib/store/store.c
# Test: store test_disturbed
/^int store_list/,/^}/ s/if \(!is_same_file\(before, after\)\)/if (false)/
