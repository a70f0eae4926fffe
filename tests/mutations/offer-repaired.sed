# Breaks: that a refusal because of the host's own files ends when they are repaired
# File: broker/courier/refusals.c
# Test: offer_refused test_repaired_folder
s/is_about_host\(refusal->rc\)/(false \&\& is_about_host(refusal->rc))/
