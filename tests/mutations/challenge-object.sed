# Breaks: that a challenge has the HMAC of its key
# File: lib/tpm/challenge.c
# Test: endorsement test_sizes
s/mac\.size == digest && /mac.size > 0 \&\& /
