# Breaks: that only the hosts of the wave are waited for
# File: cli/fleet/rollout.c
# Test: cli-fleet-waves
s/ \|\| !host_names_have\(rollout->hosts, rollout->count, host\)/ || (false \&\& !host_names_have(rollout->hosts, rollout->count, host))/
