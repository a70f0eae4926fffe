# Breaks: what is offered opens before it is accepted
# File: broker/courier/trial.c
# Test: offer test_nothing_else_is_accepted
s/return trial->order.commit->files\[i\]\.size > 0 &&/return false \&\& trial->order.commit->files[i].size > 0 \&\&/
