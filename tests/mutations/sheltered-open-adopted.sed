# Breaks: that a connection that the service manager has stored, too, is shut down when it is over
# File: broker/request/connection.c
# Test: survival test_restart
s/\|\| c->adopted \|\| /|| /
