# Breaks: how long the window of live requests is
# Limit: LIMIT_LIVE_WINDOW_USEC
# File: broker/live/live.c
# Test: live test_machine_that_floods
s/socket->io, config->live_window_usec/socket->io, config->live_window_usec \/ 1000/
