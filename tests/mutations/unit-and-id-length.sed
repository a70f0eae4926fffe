# Breaks: what the peer address of the service manager has room for
# Limit: LIMIT_UNIT_AND_ID_BYTES
# File: lib/base/limits.h
# Test: names
s/(LIMIT_UNIT_AND_ID_BYTES +\(\(size_t\))83/\184/
