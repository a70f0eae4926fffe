# Breaks: the question before another TPM takes the place of a known host's
# File: cli/fleet/add_host.c
# Test: cli-masters
s/if \(r != 0 \|\| !old\.known\)/if (true || r != 0 || !old.known)/
