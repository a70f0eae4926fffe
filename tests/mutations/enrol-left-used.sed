# Breaks: what a killed call has left is cleared, and a later request of that host stays
# File: cli/fleet/enrol.c
# Test: cli-enrolment-carrier
s/if \(is_used\(enrolment, hosts\[i\], &files\[i\]\)\)/if (true || is_used(enrolment, hosts[i], \&files[i]))/
