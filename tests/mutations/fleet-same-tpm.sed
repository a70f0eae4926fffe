# Breaks: that no two hosts of a fleet have the same TPM
# File: cli/fleet/add_host.c
# Test: cli-masters
s/if \(same_tpm\(identity, &other\)\)/if (false \&\& same_tpm(identity, \&other))/
