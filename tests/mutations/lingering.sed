# Breaks: that nobody waits until a descriptor is closed that a peer has passed
# File: broker/request/connection.c
# Test: survival test_descriptors_that_linger
s/^( +)peer_close\(c->fd\);/\1close(c->fd);/
