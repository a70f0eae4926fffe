# Breaks: the number of readers
# Limit: LIMIT_READERS
# File: broker/process/children.c
# Test: children test_five_lists
s/= LIMIT_READERS/= 2 * LIMIT_READERS/
