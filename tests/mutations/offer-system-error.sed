# Breaks: that the host's own errors are no refusal
# File: broker/courier/offer.c
# Test: offer_refused test_errors_of_the_system
s/return rc < 0 \|\| rc == OUTCOME_TPM_BUSY/return rc == OUTCOME_TPM_BUSY/
