# Breaks: that signers say which file is pending
# File: broker/courier/trial.c
# Test: offer_pending test_pending_and_another_failure
s/file->pending = current\(trial\)->pending && /file->pending = /
