# Breaks: that a server which sends a byte now and then is given up
# Limit: LIMIT_CARRIER_SPEED
# File: courier/http.c
# Test: courier
s/LOW_SPEED_LIMIT, LIMIT_CARRIER_SPEED/LOW_SPEED_LIMIT, 1L/
