# Breaks: that a template in NV is that of the profile
# File: lib/tpm/endorsement_key.c
# Test: endorsement_keys test_vendor_templates
s/!is_same_template\(&theirs, area\)\)/(false \&\& !is_same_template(\&theirs, area)))/
