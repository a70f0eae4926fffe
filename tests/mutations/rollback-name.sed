# Breaks: that the index is of names, too
# File: lib/store/rollback.c
# Test: rollback test_other_changes
# Lines: 2
/^static void hash_file/,/^\}/ s/strlen\(name->(machine|id)\) \+ 1/0/
