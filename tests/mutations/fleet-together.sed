# Breaks: that hosts which share a new value get it by one statement
# File: cli/fleet/release.c
# Test: cli-fleet-waves
s/if \(!shared->changed \|\| shared->count < 2\)/if (!shared->changed || shared->count < 200)/
