# Breaks: that the service manager says how many descriptors it keeps
# File: broker/process/handover.c
# Test: survival test_restart_without_store
s/if \(room && /if (false \&\& room \&\& /
