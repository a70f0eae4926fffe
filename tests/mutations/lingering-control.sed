# Breaks: the same, when a connection of the control socket ends
# File: broker/control/control.c
# Test: control test_lingering_descriptor
s/peer_close\(control->fd\)/close(control->fd)/
