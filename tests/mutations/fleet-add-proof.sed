# Breaks: that fleet add insists on a proof
# File: cli/fleet/add.c
# Test: cli-enrolment
s/\(options->proved \|\| repository->file\.require_proof\)/(options->proved \&\& repository->file.require_proof)/
