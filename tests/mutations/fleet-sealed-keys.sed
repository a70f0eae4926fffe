# Breaks: a manifest that is for the keys of another host
# File: cli/fleet/sealed.c
# Test: cli-fleet-seal
s/if \(!has_keys\(/if (false \&\& !has_keys(/
