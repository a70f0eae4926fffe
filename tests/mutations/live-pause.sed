# Breaks: that nobody is accepted during the pause after a live connection found no descriptor
# File: broker/process/worker.c
# Test: live test_no_descriptors
s/    if \(worker->paused\)$/    if (false \&\& worker->paused)/
