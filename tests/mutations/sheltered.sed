# Breaks: that connections survive the death of all processes
# File: broker/process/shelter.c
# Test: shelter
s/if \(!find\(ends\) && /if ((!find(ends) || true) \&\& /
