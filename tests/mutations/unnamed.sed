# Breaks: that a credential without a name is refused where one is asked for
# File: lib/credential/open.c
# Test: credential
s/(metadata->name\[0\] == '.0') && request->allow_unnamed/\1/
