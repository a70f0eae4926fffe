# Breaks: that a path that is too long is not cut to another file's
# File: lib/base/trusted_file.c
# Test: host_config test_long_names
/^static int begin\(/,/^\}/ s/>= sizeof\(walk->rest\)\)$/== 0)/
