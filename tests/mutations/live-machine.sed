# Breaks: that the machine of a live request is that of its socket
# File: broker/request/connection.c
# Test: live test_who_gets_what
s/return c->live_machine\[0\] \?/return false \&\& c->live_machine[0] ?/
