# Breaks: that no key is made where others can replace it
# File: cli/enrolment/enrolment_key.c
# Test: cli-enrolment
s/r = own_file_check_parents\(context, path, reason\);/r = own_file_check_parents(context, "\/", reason);/
