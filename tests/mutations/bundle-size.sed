# Breaks: the size of a bundle
# Limit: LIMIT_BUNDLE_BYTES
# File: lib/fleet/bundle.c
# Test: bundle test_limits
s/file.size > LIMIT_BUNDLE_BYTES/file.size > 2 * LIMIT_BUNDLE_BYTES/
