# Breaks: that a host which waits keeps the files that were signed
# File: cli/fleet/release.c
# Test: cli-fleet-waves
s/r = sealed_examine\(repository, parent, host, &why\)/r = sealed_examine(repository, SEALED_DIRECTORY, host, \&why)/
