# Breaks: the size of a host's report
# Limit: LIMIT_REPORT_BYTES
# File: lib/fleet/report.c
# Test: report test_what_is_no_report
s/text\.size <= LIMIT_REPORT_BYTES/true/
