# Breaks: that a host is added under the name that the list of endorsement keys has
# File: cli/fleet/add_host.c
# Test: cli-enrolment
s/identity->proof\.by != IDENTITY_BY_INVENTORY/identity->proof.by != IDENTITY_UNPROVED/
