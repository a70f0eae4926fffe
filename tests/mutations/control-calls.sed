# Breaks: that a connection with many calls comes last
# Limit: LIMIT_CONTROL_CALLS
# File: broker/control/control.c
# Test: control test_many_calls_come_last
s/r = sd_event_source_set_priority\(control->io, SD_EVENT_PRIORITY_IDLE\)/r = 0/
