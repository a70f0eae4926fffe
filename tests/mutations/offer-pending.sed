# Breaks: a pending file does not replace one that opens
# File: broker/courier/trial.c
# Test: offer test_pending
s/trial->order\.have\[i\] == HAVE_NOTHING\)/true)/
