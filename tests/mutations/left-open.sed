# Breaks: that what dead workers have had open is closed
# File: broker/process/supervisor.c
# Test: survival test_nothing_is_left_open
s/connections = handover_sweep\(supervisor->listeners\)/connections = 1/
