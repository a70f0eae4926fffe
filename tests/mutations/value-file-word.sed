# Breaks: that no boolean is taken for a text
# File: lib/base/value_file.c
# Test: value_file
s/!is_text \|\| is_word\(start, ret->size\)/!is_text/
