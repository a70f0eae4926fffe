# Breaks: the size of what a program prints
# File: cli/terminal/program.c
# Test: cli-import
s/secret_read_fd\(output, limit/secret_read_fd(output, 2 * limit/
