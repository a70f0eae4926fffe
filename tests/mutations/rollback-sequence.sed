# Breaks: that a fleet's set has the sequence of the state
# File: lib/rollback/rollback_check.c
# Test: rollback test_fleets
s/if \(sequence == said->sequence \|\| sequence == said->before\)/if (sequence > 0)/
