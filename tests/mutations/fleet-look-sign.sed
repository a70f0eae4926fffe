# Breaks: that sign and check read all sealed files, however they look
# File: cli/fleet/workspace.c
# Test: cli-fleet-seal
s/return r == 0 \? sealed_check\(/return r == 0 \&\& false ? sealed_check(/
