# Breaks: how long a message may be on its way
# Limit: LIMIT_CONTROL_USEC
# File: broker/control/control.c
# Test: control test_slow_message
s/(connections->config->control_usec), 0, on_deadline/100 * \1, 0, on_deadline/
