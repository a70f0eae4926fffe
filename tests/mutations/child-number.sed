# Breaks: a child that has ended keeps its number until its parent has a pidfd of it
# File: lib/base/child.c
# Test: child test_ends_at_once
s/sigaction\(SIGCHLD, &keep, NULL\) == 0/(true || keep.sa_flags)/
