# Breaks: that the count of handovers does not run into the mark of an answer
# Limit: LIMIT_HANDOVERS
# File: lib/base/limits.h
# Test: build
s/(LIMIT_HANDOVERS +)[0-9]+/\16/
