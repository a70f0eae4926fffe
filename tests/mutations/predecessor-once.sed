# Breaks: that a predecessor has none
# File: broker/request/request.c
# Test: predecessor test_neither_opens
s/!may_have_predecessor\(ingredient\) \|\| ingredient->predecessor/!may_have_predecessor(ingredient)/
