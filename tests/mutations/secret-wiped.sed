# Breaks: that a secret is wiped
# File: lib/secret/secret.c
# Test: secret
/^static void region_put/,/^}/ s/sodium_memzero\(region, capacity\);//
