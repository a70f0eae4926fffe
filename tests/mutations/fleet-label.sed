# Breaks: a host or a fleet whose name a command would take for an option
# File: lib/base/names.c
# Test: fleet_config test_invalid
s/name\[0\] != '-' && name\[length - 1\] != '-' &&/(true || name[0] != '-') \&\&/
