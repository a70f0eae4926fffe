# Breaks: that nothing follows a challenge
# File: lib/tpm/challenge.c
# Test: endorsement test_sizes
s/!reader\.failed && reader\.rest\.size == 0 && is_object/!reader.failed \&\& is_object/
