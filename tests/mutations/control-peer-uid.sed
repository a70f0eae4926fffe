# Breaks: that control connections are of the trusted user
# File: broker/control/control.c
# Test: control test_not_for_others
s/peer.uid != connections->config->trusted_uid/false/
