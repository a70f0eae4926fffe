# Breaks: that a path has no hash too many
# File: lib/fleet/merkle.c
# Test: merkle
s/return used == length \&\&/return/
