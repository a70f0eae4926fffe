# Breaks: answers, which may have a token, are wiped
# File: courier/http.c
# Test: courier
s/if \(answer->body.data\)/if (false \&\& answer->body.data)/
