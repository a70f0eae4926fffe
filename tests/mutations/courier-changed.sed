# Breaks: that a courier ends when the service manager has a newer key or password for it
# File: courier/courier.c
# Test: courier
s/if \(r == OUTCOME_CARRIER_FAILED && \(credential_file_changed/if (false \&\& (credential_file_changed/
