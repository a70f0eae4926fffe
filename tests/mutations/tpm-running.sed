# Breaks: that an unsealing that runs is finished when nobody waits for it any more
# File: broker/request/tpm_job.c
# Test: tpm_job test_all_vanish
s/!runs\(job->queue, operation\)/(stop_child(job->queue), wake(job->queue), true || runs(job->queue, operation))/
