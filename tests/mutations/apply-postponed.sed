# Breaks: that a unit that was restarted too often is left alone
# File: lib/manager/restart_list.c
# Test: apply test_without_end
s/r == 0 && !unit->resumed && unit->postponed/false \&\& unit->postponed/
