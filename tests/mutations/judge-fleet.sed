# Breaks: that a statement is of this fleet
# File: lib/fleet/judge.c
# Test: bundle test_statement
s/strcmp\(statement->fleet, trust->fleet\) != 0/statement->hosts == 0/
