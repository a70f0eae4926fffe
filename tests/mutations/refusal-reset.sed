# Breaks: a reset also forgets what was refused for the next broker
# File: lib/fleet/fleet_set.c
# Test: offer_refused test_the_pause_ends_with_a_reset
s/\.record_count = 2/.record_count = 1/
