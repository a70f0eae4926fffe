# Breaks: the application of a token's key
# File: lib/fleet/ssh_signature.c
# Test: ssh_signature test_reasons
s/!is\(reader_string\(&reader\), APPLICATION\)/reader_string(\&reader).size == 0/
