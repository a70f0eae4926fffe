# Breaks: "none" in the place of a missing file is no password
# File: courier/credential_file.c
# Test: courier
s/bool found = fd >= 0 &&/bool found = false \&\& fd >= 0 \&\&/
