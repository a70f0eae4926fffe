# Breaks: that live sockets stay when their directory cannot be read
# File: broker/live/live.c
# Test: live test_unreadable_entries
s/socket->found = true;/socket->found = false;/
