# Breaks: that the unit in an address is a unit's name
# File: lib/policy/address.c
# Test: address
s/!unit_name_valid\(unit\)/false/
