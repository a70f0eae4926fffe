# Breaks: the size of the broker's list of changes
# Limit: LIMIT_VALUE_CHANGES_BYTES
# File: lib/fleet/value_changes.c
# Test: value_changes test_size
s/text\.size > limit \|\|/(false \&\& text.size > limit) ||/
