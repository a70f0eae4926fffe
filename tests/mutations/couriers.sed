# Breaks: the number of the courier's connections
# Limit: LIMIT_COURIERS
# File: broker/control/control.c
# Test: offer test_too_many_couriers
s/courier \? LIMIT_COURIERS/courier ? 2 * LIMIT_COURIERS/
