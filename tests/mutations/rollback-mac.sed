# Breaks: that the rollback state is this host's
# File: lib/store/rollback_state.c
# Test: rollback_state test_other_key
s/sodium_memcmp\(text\.data, again, text\.size\) != 0/false/
