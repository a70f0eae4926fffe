# Breaks: that an older statement is refused
# File: lib/fleet/judge.c
# Test: bundle test_statement
s/statement->sequence < trust->sequence/statement->sequence == 0/
