# Breaks: that the answer of the TPM's child has exactly its parts
# File: lib/tpm/tpm_child.c
# Test: tpm_answer test_bad_answers
s/reader.failed \|\| reader.rest.size > 0/reader.failed/
