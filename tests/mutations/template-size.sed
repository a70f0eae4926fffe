# Breaks: the size of a template
# Limit: LIMIT_TEMPLATE_BYTES
# File: lib/policy/template.c
# Test: template
s/strlen\(text\) > LIMIT_TEMPLATE_BYTES/strlen(text) > 2 * LIMIT_TEMPLATE_BYTES/
