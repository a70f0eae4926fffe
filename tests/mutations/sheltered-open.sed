# Breaks: that a connection that stays in the shelter is shut down when it is over
# File: broker/process/shelter.c
# Test: shelter test_closed_when_over
s/return stays;/return false \&\& stays;/
