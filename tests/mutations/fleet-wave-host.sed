# Breaks: that only the hosts of the wave are waited for
# File: cli/fleet/rollout.c
# Test: cli-fleet-waves
s/ \|\| !strings_have\(rollout->hosts, host\)/ || (false \&\& !strings_have(rollout->hosts, host))/
