# Breaks: that all secrets of a machine wait for the same search
# File: broker/request/key_search.c
# Test: generation test_search_waits_alone
s/search && strcmp\(search->machine, machine\) != 0;/search;/
