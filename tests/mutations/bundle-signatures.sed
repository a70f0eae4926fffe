# Breaks: the number of signatures in a bundle
# Limit: LIMIT_FLEET_SIGNATURES
# File: lib/fleet/bundle.c
# Test: bundle test_limits
s/count > LIMIT_FLEET_SIGNATURES/count > 2 * LIMIT_FLEET_SIGNATURES/
