# Breaks: what is offered opens before it is accepted
# File: broker/courier/offer.c
# Test: offer test_nothing_else_is_accepted
s/return offer->commit->files\[i\]\.size > 0 &&/return false \&\& offer->commit->files[i].size > 0 \&\&/
