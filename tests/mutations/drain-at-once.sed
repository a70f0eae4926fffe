# Breaks: that the last process ends
# File: broker/process/worker.c
# Test: survival test_supervisor_is_gone
s/drain\(&worker, drain_at_once\);/(void)drain_at_once;/
