# Breaks: that a child's secrets are empty
# File: lib/secret/secret.c
# Test: tpm_child test_no_secret_of_the_parent
s/return madvise\(\(void \*\)begin, end - begin, MADV_WIPEONFORK\) < 0 \? -errno : 0;/(void)begin; (void)end; return 0;/
