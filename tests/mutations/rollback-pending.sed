# Breaks: that a commit may have been killed before its decision
# File: lib/rollback/rollback_check.c
# Test: rollback test_killed
s/ && !is_index\(now->store, said->before\)//
