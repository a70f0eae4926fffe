# Breaks: that Status waits for no client that does not read its list
# File: broker/control/control_call.c
# Test: children test_too_many_lists
s/method->kind == METHOD_STATUS \? CHILD_STATUS : CHILD_READER/CHILD_READER/
