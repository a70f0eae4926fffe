# Breaks: that masters that are in place are not said to be not written
# File: cli/fleet/masters.c
# Test: masters test_not_synced
s/r = directory_sync\(repository->fd, REPOSITORY_SECRETS, reason\);/r = fsync(repository->fd) == 0 ? 0 : reason_set(reason, -errno, "cannot put %s in place", REPOSITORY_SECRETS);/
