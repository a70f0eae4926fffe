# Breaks: the number of values in a file that is imported
# File: cli/verb/import.c
# Test: cli-import
s/import->count == STORE_COMMIT_CHANGES_MAX/import->count == 2 * STORE_COMMIT_CHANGES_MAX/
