# Breaks: that only root may write to the configuration
# File: lib/base/trusted_file.c
# Test: host_config
s/else if \(shared &&/else if (false \&\& shared \&\&/
