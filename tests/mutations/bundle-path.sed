# Breaks: the length of a path in a bundle
# File: lib/fleet/bundle.c
# Test: bundle test_limits
s/bundle->path_length > MERKLE_PATH_MAX/bundle->path_length > 2 * MERKLE_PATH_MAX/
