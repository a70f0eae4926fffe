# Breaks: that a credential for one user is not opened for the system
# File: lib/credential/open.c
# Test: credential
s/scoped && !request->scope/false/
