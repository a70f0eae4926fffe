# Breaks: what is offered opens before it is accepted
# File: broker/courier/opening.c
# Test: offer_refused test_nothing_else_is_accepted
s/return file->pending \? 0 : r;/return 0;/
