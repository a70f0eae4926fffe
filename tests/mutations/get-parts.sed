# Breaks: that many reports are fetched several at a time
# File: courier/get.c
# Test: courier
s/parts_run\(get_part, &get, get.count, reason\)/get_part(\&get, 0, 1, reason)/
