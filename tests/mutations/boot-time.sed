# Breaks: how long a container that boots may take
# Limit: LIMIT_BOOT_SECONDS
# File: lib/manager/restart_list.c
# Test: restart_waits test_no_bus
s/begin \+ options->boot_usec/begin + 40 * options->boot_usec/
