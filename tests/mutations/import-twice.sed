# Breaks: that a file sets no name twice
# File: cli/verb/import.c
# Test: cli-import
s/if \(strcmp\(import->items\[i\].entry.name, entry->name\) == 0\)/if (false \&\& entry)/
