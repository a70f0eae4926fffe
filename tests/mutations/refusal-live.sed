# Breaks: that a container cannot make the broker send such a long refusal
# File: broker/request/reply.c
# Test: handover test_size_of_a_refusal
s/return live \|\|/return (live \&\& false) ||/
