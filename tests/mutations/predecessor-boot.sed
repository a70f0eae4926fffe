# Breaks: that only another boot decides between a file and its predecessor
# File: broker/request/request.c
# Test: predecessor test_either_opens
s/sd_id128_equal\(boot, config->boot\)/false/
