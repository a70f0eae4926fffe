# Breaks: that a change of one master copy keeps the others
# File: cli/fleet/masters.c
# Test: cli-masters
s/if \(r == 0 && old >= 0\)/if (false \&\& old >= 0)/
