# Breaks: that a credential expires
# File: lib/credential/open.c
# Test: credential
s/request->now <= metadata->not_after/true/
