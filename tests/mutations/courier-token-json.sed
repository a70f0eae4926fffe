# Breaks: a token's copy in json-c is wiped
# File: courier/etcd_answer.c
# Test: courier
s/json_wipe_later\(object\)/(void)0/
