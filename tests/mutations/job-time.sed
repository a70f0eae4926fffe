# Breaks: how long a job may take
# Limit: LIMIT_JOB_SECONDS
# File: lib/manager/manager.c
# Test: restart_waits test_silence
s/monotonic_usec\(\) \+ usec;/monotonic_usec() + 40 * usec;/
