# Breaks: the number of control connections
# Limit: LIMIT_CONTROLS
# File: broker/control/control.c
# Test: control test_hostile_peers
s/: LIMIT_CONTROLS;/: 1000 * LIMIT_CONTROLS;/
