# Breaks: that a container which takes all of a unit's time is not asked again
# File: lib/manager/restart_list.c
# Test: restart_list test_going_on
s/if \(r != -ETIMEDOUT \|\| !options->go_on\)/if (true || r != -ETIMEDOUT || !options->go_on)/
