# Breaks: that import asks before it takes a file that was sealed for something else
# File: cli/verb/import.c
# Test: cli-import
s/if \(strcmp\(\*id, sealed_id\) == 0\)/if (*sealed_id)/
