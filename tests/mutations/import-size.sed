# Breaks: the size of a file that is imported
# Limit: LIMIT_IMPORT_BYTES
# File: cli/verb/import_file.c
# Test: cli-import
s/secret_read_fd\(file, LIMIT_IMPORT_BYTES/secret_read_fd(file, 2 * LIMIT_IMPORT_BYTES/
