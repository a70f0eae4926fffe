# Breaks: that a restart does not count as the death of a worker
# File: broker/request/connection.c
# Test: survival test_restart
s/\(void\)handover_mark_set\(c->fd, 0\)/(void)handover_mark_set(c->fd, handover_mark_get(c->fd))/
