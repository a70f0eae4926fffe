# Breaks: that a fleet has at least two recipients
# File: cli/fleet/masters.c
# Test: masters test_bad_recipients
s/recipients.count < 2/recipients.count < 1/
