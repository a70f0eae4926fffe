# Breaks: that only what root's policy takes from the fleet is restarted
# File: apply/apply.c
# Test: apply test_foreign_names
s/\*ret = credential && credential->source == POLICY_FLEET &&/*ret = (credential || true) || credential->source == POLICY_FLEET ||/
