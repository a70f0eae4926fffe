# Breaks: the question before another TPM takes the place of a known host's
# File: cli/fleet/add_host.c
# Test: cli-masters
s/if \(!repository_host\(repository, name\)\)/if (true || !repository_host(repository, name))/
