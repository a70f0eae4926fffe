# Breaks: that the names in a manifest are sorted, and none is there twice
# File: lib/fleet/manifest.c
# Test: manifest test_refused
s/before && strcmp\(before, \*name\) >= 0/before \&\& strcmp(before, *name) == 2/
