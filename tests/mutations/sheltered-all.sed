# Breaks: that connections survive the death of all processes
# File: broker/process/shelter.c
# Test: shelter
s/find\(ends\)\)/find(ends) \&\& false)/
