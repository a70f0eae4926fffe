# Breaks: that the broker's metrics cannot be taken for those of others
# File: cli/verb/status.c
# Test: metrics
s/strncmp\(name, PREFIX, strlen\(PREFIX\)\) == 0/strncmp(name, PREFIX, strlen(PREFIX)) <= 0/
