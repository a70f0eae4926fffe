# Breaks: that no member is given twice
# File: lib/base/json.c
# Test: json
s/written == count_kept\(value\)/count_kept(value) <= written/
