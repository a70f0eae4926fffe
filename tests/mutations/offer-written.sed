# Breaks: the pause after a refusal, if the broker is restarted
# File: broker/courier/refusals.c
# Test: offer_refused test_the_pause_outlives_the_broker
s/now < report\.time \|\|/true ||/
