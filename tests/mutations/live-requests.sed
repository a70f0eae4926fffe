# Breaks: the number of live requests in a window
# Limit: LIMIT_LIVE_REQUESTS
# File: broker/live/live.c
# Test: live test_machine_that_floods
s/config->live_requests\);/1000 * config->live_requests);/
