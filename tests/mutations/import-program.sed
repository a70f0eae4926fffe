# Breaks: that what a program printed before it failed is not imported
# File: cli/terminal/program.c
# Test: cli-import
s/WIFEXITED\(status\) && WEXITSTATUS\(status\) == 0/WIFEXITED(status)/
