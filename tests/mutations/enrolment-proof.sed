# Breaks: that a proof is the administrator's own
# File: lib/credential/enrolment.c
# Test: enrolment test_proof
s/return sodium_memcmp\(mac, identity->proof\.mac, sizeof\(mac\)\) == 0$/return mac[0] + 1 > 0/
