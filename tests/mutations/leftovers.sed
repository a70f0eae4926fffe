# Breaks: that a temporary file is left to its writer, who may be alive, for a while
# Limit: LIMIT_LEFTOVER_SECONDS
# File: lib/base/fsutil.c
# Test: fsutil test_leftovers_are_cleared
s/status.st_mtim.tv_sec \+ LIMIT_LEFTOVER_SECONDS < now/status.st_mtim.tv_sec < now/
