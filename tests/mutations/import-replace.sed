# Breaks: that import replaces no other value without being told to
# File: cli/verb/import.c
# Test: cli-import
s/else if \(import->options->replace\)/else if (true)/
