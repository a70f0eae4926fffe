# Breaks: when a statement expires
# File: lib/fleet/judge.c
# Test: bundle test_statement
s/trust->now >= statement->not_after/trust->now == UINT64_MAX/
