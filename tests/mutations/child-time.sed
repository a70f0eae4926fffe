# Breaks: how long a child may be silent
# Limit: LIMIT_CHILD_USEC
# File: broker/process/children.c
# Test: children test_child_hangs_or_dies
# Lines: 3
s/(child->)?children->config->child_usec/100 * &/
