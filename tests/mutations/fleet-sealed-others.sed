# Breaks: a sealed file that no manifest names
# File: cli/fleet/sealed.c
# Test: cli-fleet-seal
s/!names_file\(manifest, name\)/false \&\& !names_file(manifest, name)/
