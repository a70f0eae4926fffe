# Breaks: that a unit is down because of a job that was begun before apply was killed
# File: lib/manager/restart_list.c
# Test: apply test_killed_at_a_job
s/r == 0 && unit->begun &&/false \&\& unit->begun \&\&/
