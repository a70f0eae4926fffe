# Breaks: that fleet edit does not overwrite what another command stored while the editor was open
# File: cli/fleet/edit.c
# Test: cli-masters
s/\(r == 0 && !bytes_view_equal/(r == 0 \&\& false \&\& !bytes_view_equal/
