# Breaks: that all secrets of a machine wait for the same search
# File: broker/request/store_job.c
# Test: generated_secret test_search_waits_alone
s/child = children_find\(queue->children, CHILD_SEARCHER, is_named, &name\);/child = children_find(queue->children, CHILD_SEARCHER, is_named, \&(CredentialName){0});/
