# Breaks: that keys are wiped although nobody asks
# File: broker/request/key_cache.c
# Test: key_cache
s/cache->first \? SD_EVENT_ONESHOT : SD_EVENT_OFF/SD_EVENT_OFF/
