# Breaks: that requests are of the trusted user
# File: lib/policy/decision.c
# Test: connection
s/facts->peer_uid != facts->trusted_uid/false/
