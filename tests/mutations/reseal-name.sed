# Breaks: that a credential of the store is resealed only if it has its name
# File: lib/seal/reseal.c
# Test: reseal test_refused
s/item->name.id\[0\] \? name : NULL/false ? name : NULL/
