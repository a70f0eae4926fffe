# Breaks: that a name that is too long is not cut to another file's
# File: lib/base/trusted_file.c
# Test: host_config test_long_names
s/^    name\[length\] = '.0';/    name[length > NAME_MAX ? NAME_MAX : length] = 0;/
