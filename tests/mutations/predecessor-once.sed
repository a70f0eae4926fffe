# Breaks: that a predecessor has none
# File: broker/request/request.c
# Test: predecessor test_neither_opens
s/ingredient->missing \|\| ingredient->predecessor/ingredient->missing/
