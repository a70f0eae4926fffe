# Breaks: that a credential is opened under the name that it is sealed with
# File: lib/credential/open.c
# Test: credential
s/!request->name \|\| strcmp/true || !request->name || strcmp/
