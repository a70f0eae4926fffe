# Breaks: that a commit waits while the journal is full
# File: broker/request/store_job.c
# Test: method test_audit_is_full
s/    if \(audit_sink_full\(operation->queue->config->audit\)\)/    if (false)/
