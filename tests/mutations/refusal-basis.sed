# Breaks: an offer is judged again when what it was compared with has changed
# File: broker/courier/refusals.c
# Test: offer_refused test_the_pause_ends_with_a_change
s/strcmp\(refusal->basis.digest, offer->basis->digest\) != 0/(false \&\& offer->basis)/
