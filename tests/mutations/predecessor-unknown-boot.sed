# Breaks: that nothing is decided without a boot id
# File: broker/request/request.c
# Test: predecessor test_either_opens
s/sd_id128_is_null\(config->boot\)/false/
