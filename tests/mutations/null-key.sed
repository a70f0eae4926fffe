# Breaks: that a credential sealed without a key is refused
# File: lib/credential/open.c
# Test: credential
s/kind->[a-z_]+ == 0 && !request->allow_null/false/
