# Breaks: that no member is given twice
# File: lib/base/json.c
# Test: json
s/r == 0 && json_object_object_get_ex\(object, json_object_get_string\(name\), NULL\)/r != 0/
