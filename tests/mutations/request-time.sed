# Breaks: how long a request waits for a silent TPM
# Limit: LIMIT_REQUEST_USEC
# File: broker/request/connection.c
# Test: connection test_request_is_given_up
s/(set->config->request_usec), 0, on_deadline/100 * \1, 0, on_deadline/
