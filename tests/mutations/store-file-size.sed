# Breaks: the size of a file that the store reads
# Limit: LIMIT_FILE_BYTES
# File: lib/store/store.c
# Test: store test_size_limit
s/path_of\(name, suffix\)\.text, LIMIT_FILE_BYTES/path_of(name, suffix).text, 2 * LIMIT_FILE_BYTES/
