# Breaks: that root reaches a carrier as the courier alone
# File: courier/main.c
# Test: cli-enrolment-carrier
s/r = become\(user, reason\);/r = become(user ? NULL : user, reason);/
