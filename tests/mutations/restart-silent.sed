# Breaks: that a silent container keeps the others waiting for seconds only
# File: lib/manager/restart_list.c
# Test: restart_waits test_silent
s/uint64_t usec = ANSWER_USEC;/uint64_t usec = MANAGER_USEC + ANSWER_USEC;/
