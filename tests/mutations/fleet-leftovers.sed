# Breaks: what an administrator's command that was killed has left in a repository is cleared
# File: cli/fleet/repository.c
# Test: cli-masters
s/file_clear_leftovers\(folder\)/(void)folder/
