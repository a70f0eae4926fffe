# Breaks: a value of a fleet that hosts refuse
# File: cli/fleet/seal.c
# Test: cli-fleet-seal
s/r = unit_size_check_value\(/r = why.text[0] ? 0 : 0 * unit_size_check_value(/
