# Breaks: that sign and check read all sealed files, however they look
# File: cli/fleet/workspace.c
# Test: cli-fleet-seal
s/if \(r == 0 && all->files\)$/if (false)/
