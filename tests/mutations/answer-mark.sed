# Breaks: that an answer that has begun is marked
# File: broker/request/connection.c
# Test: survival test_killed_while_it_answers
s/int r = handover_mark_set\(c->fd, HANDOVER_ANSWERING\)/int r = 0/
