# Breaks: that files that are served instead are of this set
# File: lib/fleet/value_changes.c
# Test: value_changes
s/\(!of \|\| strcmp\(of, statement\) != 0\)/(!of || (false \&\& strcmp(of, statement) != 0))/
