# Breaks: that there is one way to write a rollback state
# File: lib/store/rollback_state.c
# Test: rollback_state test_lines
s/memcmp\(text\.data, again, length\) != 0/false/
