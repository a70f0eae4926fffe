# Breaks: the size of a fleet's file of recipients
# Limit: LIMIT_RECIPIENTS_BYTES
# File: cli/fleet/init.c
# Test: cli-masters
s/options->recipients, LIMIT_RECIPIENTS_BYTES/options->recipients, 2 * LIMIT_RECIPIENTS_BYTES/
