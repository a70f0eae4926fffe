# Breaks: that a value that was only sealed again has not changed
# File: broker/courier/opening.c
# Test: offer test_what_has_changed_is_listed
s/changed = !value \|\| !secret_equal/changed = true || !secret_equal/
