# Breaks: that a statement has only one text
# File: lib/fleet/statement.c
# Test: statement
s/!bytes_view_equal\(text, text_view\(again\)\)/text.size == 0/
