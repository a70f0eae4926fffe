# Breaks: that a node of the tree is no leaf
# File: lib/fleet/merkle.c
# Test: merkle
s/return hash\(0, content/return hash(1, content/
