# Breaks: a pending file does not replace one that opens
# File: broker/courier/offer.c
# Test: offer test_pending
s/\.pending && offer->have\[i\] == HAVE_NOTHING/.pending/
