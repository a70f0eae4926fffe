# Breaks: that a waiter may free the next one
# File: broker/process/children.c
# Test: tpm_job test_told_frees_another
s/while \(\(job = child->first\)\) \{/for (Job *next = child->first; (job = next);) { next = job->next;/
