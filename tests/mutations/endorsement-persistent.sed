# Breaks: that a persistent key is of the template that is asked for
# File: lib/tpm/endorsement_key.c
# Test: endorsement_keys test_password_and_persistent_keys
s/parsed\.template == template\)/(true || parsed.template == template))/
