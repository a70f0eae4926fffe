# Breaks: that a recipient cannot be an option of age
# File: cli/fleet/masters.c
# Test: masters test_bad_recipients
s/if \(!is_recipient\(line\)\)/if (false \&\& !is_recipient(line))/
