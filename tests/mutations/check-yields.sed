# Breaks: that the unsealings of a check come after those of requests
# File: broker/process/children.c
# Test: check test_requests_go_first
s/job->yields = true;/job->yields = false;/
