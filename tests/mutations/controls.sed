# Breaks: the number of control connections
# Limit: LIMIT_CONTROLS
# File: broker/control/control.c
# Test: control test_hostile_peers
s/set->count == LIMIT_CONTROLS/false/
