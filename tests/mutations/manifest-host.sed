# Breaks: that a host has all keys of its manifest
# File: lib/fleet/manifest.c
# Test: manifest test_is_for
s/manifest->host.keys\[i\]\[0\] && strcmp/i == 0 \&\& strcmp/
