# Breaks: that unknown critical extensions are refused
# File: lib/tpm/certificate.c
# Test: certificate test_extensions
s/OBJ_obj2nid\(X509_EXTENSION_get_object\(extension\)\) != NID_subject_directory_attributes\)/false)/
