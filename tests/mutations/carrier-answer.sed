# Breaks: the size of an answer
# File: courier/http.c
# Test: courier
s/size > receiver->request->limit - /size > 2 * receiver->request->limit - /
