# Breaks: that a request which needs the new host key waits for the next broker
# File: broker/request/connection.c
# Test: connection test_next_broker_has_the_key
s/return c->outcome == OUTCOME_INTERRUPTED/return false \&\& c->outcome == OUTCOME_INTERRUPTED/
