# Breaks: memory that libcurl frees is wiped
# File: courier/http.c
# Test: courier
s/explicit_bzero\(block, malloc_usable_size\(block\)\)/(void)malloc_usable_size(block)/
