# Breaks: that a commit changes each credential once
# File: lib/store/commit.c
# Test: commit test_limits
s/compare_steps\(&commit->steps\[i - 1\], &commit->steps\[i\]\) == 0/false/
