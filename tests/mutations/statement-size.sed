# Breaks: the size of a statement
# Limit: LIMIT_STATEMENT_BYTES
# File: lib/fleet/statement.c
# Test: statement
s/text.size > LIMIT_STATEMENT_BYTES/text.size > 2 * LIMIT_STATEMENT_BYTES/
