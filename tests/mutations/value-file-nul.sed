# Breaks: that an escape makes no NUL
# File: lib/base/value_file.c
# Test: value_file
s/high == 0 \|\| //
