# Breaks: that a FIFO is not read as a secret
# File: broker/request/external_file.c
# Test: obedience
s/!S_ISREG\(ret_status->st_mode\)/false/
