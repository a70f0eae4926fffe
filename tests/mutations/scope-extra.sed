# Breaks: that a credential for the system is not opened for one user
# File: lib/credential/open.c
# Test: credential
s/!scoped && request->scope/false/
