# Breaks: that the host key is of this host
# File: lib/key/host_key.c
# Test: host_key
s/memcmp\(view.data, binding.bytes, BINDING_BYTES\) != 0/false/
