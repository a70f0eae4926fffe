# Breaks: that a credential has the key type that its policy requires
# File: broker/request/request.c
# Test: obedience test_key_types
s/kind_check_type\(ingredient->sections.kind, credential->key_type, reason\)/0/
