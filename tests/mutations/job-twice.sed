# Breaks: that a waiter may free the last other one
# File: broker/request/tpm_job.c
# Test: tpm_job test_told_frees_another
s/ && !operation->ended//
