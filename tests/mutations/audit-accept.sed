# Breaks: that no requests are accepted while the journal is full
# File: broker/process/worker.c
# Test: method test_audit_is_full
s/!audit_sink_full\(worker->config->audit\);/true;/
