# Breaks: that a busy TPM is no refusal
# File: broker/courier/offer.c
# Test: offer_refused test_passing_failures
s/rc == OUTCOME_TPM_BUSY \|\| rc == OUTCOME_TPM_RESET/(false \&\& rc == OUTCOME_TPM_BUSY)/
