# Breaks: how many bytes couriers may have brought
# Limit: LIMIT_STAGED_BYTES
# File: broker/control/control_call.c
# Test: offer test_couriers_share_room
s/if \(staged <= set->/if (true || staged <= set->/
