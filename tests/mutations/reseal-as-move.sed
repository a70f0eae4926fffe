# Breaks: that the old credential goes when it is renamed
# File: lib/client/reseal_as.c
# Test: reseal_as test_becomes
s/moves \? 2 : 1/moves \&\& false ? 2 : 1/
