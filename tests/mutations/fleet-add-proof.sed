# Breaks: that fleet add insists on a proof
# File: cli/fleet/add_host.c
# Test: cli-enrolment
s/\(options->proved \|\| repository->file\.require_proof\)/(options->proved \&\& repository->file.require_proof)/
