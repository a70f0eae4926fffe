# Breaks: that signers say which file is pending
# File: broker/courier/opening.c
# Test: offer_pending test_pending_and_another_failure
s/file->pending = current\(opening\)->pending && /file->pending = /
