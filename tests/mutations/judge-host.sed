# Breaks: that the manifest is for this host
# File: lib/fleet/judge.c
# Test: bundle test_host
s/!manifest_is_for\(&manifest, &trust->host\)/manifest.count == 99/
