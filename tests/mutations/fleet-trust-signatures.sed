# Breaks: how many must have signed what is not asked about
# File: cli/fleet/workspace.c
# Test: cli-fleet-sign
s/signed_statement_check\(&statement, work->admin.threshold,/signed_statement_check(\&statement, 0 * work->admin.threshold,/
