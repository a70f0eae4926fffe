# Breaks: that an endorsement key is in the inventory
# File: cli/host/challenge.c
# Test: cli-enrolment
s/if \(r == 0 && !found\) \{/if (r == 0 \&\& !found \&\& name[0]) {/
