# Breaks: a file in a fleet's accepted set has the signed digest
# File: lib/fleet/fleet_set.c
# Test: fleet_set
s/r == 0 && strcmp\(digest, credential->sha256\) == 0/r == 0/
