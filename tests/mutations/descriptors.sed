# Breaks: that all connections find room in the table of descriptors
# Limit: LIMIT_CONNECTIONS
# Limit: LIMIT_LIVE_CONNECTIONS
# Limit: LIMIT_LIVE_SOCKETS
# Limit: LIMIT_CONTROLS
# File: lib/base/limits.h
# Test: build
s/(LIMIT_CONNECTIONS +)[0-9]+U/\14096U/
