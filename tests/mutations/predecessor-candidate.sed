# Breaks: that only what is in the store has a predecessor
# File: broker/request/request.c
# Test: predecessor test_checks
s/return ingredient->digest\[0\] \&\& /return /
