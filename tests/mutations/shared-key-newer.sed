# Breaks: a key of the same time is not newer
# File: lib/store/shared_key.c
# Test: shared_key test_a_new_value
s/entry->written\[1\] > than->written\[1\]/entry->written[1] >= than->written[1]/
