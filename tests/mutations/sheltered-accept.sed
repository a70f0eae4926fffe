# Breaks: that an accepted connection is sheltered before its answer begins
# File: broker/process/worker.c
# Test: survival test_all_are_killed
s/if \(fd >= 0\) \/\* at once/if (false) \/* at once/
