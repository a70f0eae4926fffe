# Breaks: a call of the courier's has few values
# File: broker/control/control_call.c
# Test: offer test_a_call_with_many_values
s/!json_bounded\(message, COURIER_MARKS_MAX\)/false/
