# Breaks: files that are put are not links
# File: courier/put.c
# Test: courier
s/ \| O_NOFOLLOW//
