# Breaks: that a comment in a .nspawn file is no mount
# File: lib/manager/live_mount.c
# Test: live_mount test_settings
s/strncmp\(setting, "Bind", strlen\("Bind"\)\) == 0 &&/true \&\&/
