# Breaks: that a value that is served again leaves an audit entry
# File: apply/apply.c
# Test: apply test_previous_of_one
s/audit_write\(apply->options->audit,/audit_write(NULL,/
