# Breaks: the pause after an increment that the clock puts into the future
# File: broker/request/rollback_guard.c
# Test: rollback_guard test_clock_set_back
s/^    if \(counted > now\)/    if (false \&\& counted > now)/
