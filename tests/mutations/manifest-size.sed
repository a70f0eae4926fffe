# Breaks: the size of a manifest
# Limit: LIMIT_MANIFEST_BYTES
# File: lib/fleet/manifest.c
# Test: manifest test_limits
s/text.size > LIMIT_MANIFEST_BYTES/text.size > 2 * LIMIT_MANIFEST_BYTES/
