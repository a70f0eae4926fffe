# Breaks: that signers say which file is pending
# File: broker/courier/trial.c
# Test: offer test_pending_and_another_failure
s/file->pending = current\(trial\)->pending && /file->pending = /
