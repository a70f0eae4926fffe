# Breaks: that the report stays the same until a service that failed runs with its new value
# File: lib/manager/restart_list.c
# Test: apply test_failure_stays
s/^    if \(unit->checked\) \{$/    if (false) {/
