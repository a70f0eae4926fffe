# Breaks: that the generator names a directory of policies that it cannot read
# File: generator/main.c
# Test: generator
s/if \(fault.file\[0\]\)/if (false)/
