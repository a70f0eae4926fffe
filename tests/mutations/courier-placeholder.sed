# Breaks: "none" in the place of a missing file is no password
# File: courier/credential_file.c
# Test: courier
s/return fd >= 0 &&/return false \&\& fd >= 0 \&\&/
