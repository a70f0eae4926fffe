# Breaks: that a failure stops a wave
# File: cli/fleet/rollout.c
# Test: cli-fleet-waves
s/return rollout->failed \* 100 > rollout->count \* rollout->options->tolerate/return rollout->failed > rollout->count * (rollout->options->tolerate + 1)/
