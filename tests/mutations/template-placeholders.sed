# Breaks: the number of placeholders in a template
# Limit: LIMIT_TEMPLATE_PLACEHOLDERS
# File: lib/policy/template.c
# Test: template
s/> LIMIT_TEMPLATE_PLACEHOLDERS\)/> 2 * LIMIT_TEMPLATE_PLACEHOLDERS)/
