# Breaks: the number of readers
# Limit: LIMIT_READERS
# File: broker/process/children.c
# Test: children test_too_many_lists
s/= LIMIT_READERS/= 2 * LIMIT_READERS/
