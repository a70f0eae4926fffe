# Breaks: that the statement covers the manifest
# File: lib/fleet/judge.c
# Test: bundle test_proof
s/statement->hosts, &statement->root\)\)/statement->hosts, \&statement->root) \&\& bundle->index > 99)/
