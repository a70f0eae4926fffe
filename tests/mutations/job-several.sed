# Breaks: that containers whose jobs do not end share their time
# File: lib/manager/restart_list.c
# Test: restart_waits test_several_hang
s/if \(!given_up && unit->machine->given_up/if (false \&\& !given_up/
