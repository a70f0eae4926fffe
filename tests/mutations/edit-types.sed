# Breaks: that only a policy is edited
# File: lib/policy/policy_edit.c
# Test: policy_edit test_no_policies
s/!is_editable\(edit.credentials\)/false \&\& &/
