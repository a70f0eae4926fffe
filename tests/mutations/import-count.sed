# Breaks: the number of values in a file that is imported
# File: cli/verb/import.c
# Test: cli-import
s/import->count == LIMIT_COMMIT_CHANGES/import->count == 2 * LIMIT_COMMIT_CHANGES/
