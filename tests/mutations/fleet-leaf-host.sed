# Breaks: that the hosts of a statement have names of hosts
# File: cli/fleet/verified.c
# Test: cli-fleet-push
s/return fleet_host_name_valid\(known\.host\);/return true;/
