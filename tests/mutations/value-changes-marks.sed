# Breaks: how many values the broker's list of changes can have in memory
# File: lib/fleet/value_changes.c
# Test: value_changes test_size
s/\|\| !json_bounded\(text, marks\)/|| (false \&\& !json_bounded(text, marks))/
