# Breaks: how long a child may be silent
# Limit: LIMIT_CHILD_USEC
# File: broker/process/children.c
# Test: children test_child_hangs_or_dies
s/: config->child_usec/: 100 * config->child_usec/
