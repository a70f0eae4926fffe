# Breaks: that a commit waits while the journal is full
# File: broker/request/store_job.c
# Test: method test_audit_is_full
s/    if \(is_full\(operation->queue\)\)/    if (false)/
