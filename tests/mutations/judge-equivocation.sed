# Breaks: that there is one statement with a sequence
# File: lib/fleet/judge.c
# Test: bundle test_statement
s/statement->sequence == trust->sequence \&\&/statement->sequence == 0 \&\&/
