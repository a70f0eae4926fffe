# Breaks: how many bytes of secrets one machine may leave unread
# Limit: LIMIT_UNREAD_MACHINE
# File: broker/request/connection.c
# Test: live test_unread_secrets
s/of_machine \+ own > LIMIT_UNREAD_MACHINE/of_machine + own > 100 * LIMIT_UNREAD_MACHINE/
