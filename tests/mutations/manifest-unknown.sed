# Breaks: that a manifest has no unknown member
# File: lib/fleet/manifest.c
# Test: manifest test_refused
s/json_object_object_length\(object\) != 3 \+ ret->pending/json_object_object_length(object) == 0/
