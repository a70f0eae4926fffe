# Breaks: that a fleet can require proofs of its hosts
# File: cli/fleet/inventory.c
# Test: cli-enrolment
s/if \(!inventory_find\(inventory, "proof", repository->hosts\[i\]\.name\)\)/if (false \&\& !inventory_find(inventory, "proof", repository->hosts[i].name))/
