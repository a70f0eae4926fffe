# Breaks: that a folder of authorities has no other files
# File: lib/tpm/certificate.c
# Test: certificate test_extensions
s/if \(r == 0 && !add_file\(store, bytes_view\(&file\)\)\)/if (r == 0 \&\& !add_file(store, bytes_view(\&file)) \&\& false)/
