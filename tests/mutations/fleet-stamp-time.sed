# Breaks: that a sealed file is found which was changed in place, with its old time
# File: cli/fleet/sealed_stamp.c
# Test: cli-fleet-seal
# Lines: 2
s/\(uint64_t\)status\.st_ctim\.tv_(sec|nsec)([,}])/0\2/
