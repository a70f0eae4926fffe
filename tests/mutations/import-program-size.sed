# Breaks: the size of what a program prints
# File: cli/verb/import_file.c
# Test: cli-import
s/secret_read_fd\(output, LIMIT_IMPORT_BYTES/secret_read_fd(output, 2 * LIMIT_IMPORT_BYTES/
