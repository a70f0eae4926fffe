# Breaks: that a request is not left to one broker after the other
# File: broker/request/connection.c
# Test: connection test_host_key_is_replaced
s/ && !c->adopted && supervisor_lives/ \&\& supervisor_lives/
