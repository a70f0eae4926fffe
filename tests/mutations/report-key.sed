# Breaks: whether a report is signed by the host's key
# File: lib/fleet/report.c
# Test: report test_forgeries
s/key\.data\) == 0;/key.data) <= 0;/
