# Breaks: that not everybody may write to a sealed file
# File: broker/request/external_file.c
# Test: obedience test_sealed_files
s/status.st_mode & S_IWOTH/false/
