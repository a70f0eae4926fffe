# Breaks: the number of readers
# Limit: LIMIT_READERS
# File: broker/process/children.c
# Test: children
s/= LIMIT_READERS/= 2 * LIMIT_READERS/
