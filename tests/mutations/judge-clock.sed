# Breaks: that a statement is not of the future
# File: lib/fleet/judge.c
# Test: bundle test_statement
s/trust->now < statement->issued/statement->issued == 0/
