# Breaks: how many earlier values a file may have
# Limit: LIMIT_HISTORY
# File: lib/store/history.c
# Test: history test_files
s/count <= STORE_HISTORY_VALUES/count <= STORE_HISTORY_VALUES + 1/
