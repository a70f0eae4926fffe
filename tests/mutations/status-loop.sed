# Breaks: that Status and Metrics, which read the sets of all fleets, run in a child
# File: broker/control/method.c
# Test: control test_slow_status
# Lines: 2
s/METHOD_STATUS/METHOD_LOOP/
