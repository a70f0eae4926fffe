# Breaks: that a carrier's bundle has few values, before the broker sees them
# File: courier/courier.c
# Test: courier
s/!json_bounded\(bytes_view\(&bundle\), BUNDLE_MARKS_MAX\)/false/
