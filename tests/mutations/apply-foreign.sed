# Breaks: that only what root's policy takes from the fleet is restarted
# File: apply/apply.c
# Test: apply test_foreign_names
s/if \(\*ret && \(\(\*ret\)->source/if (false \&\& *ret \&\& ((*ret)->source/
