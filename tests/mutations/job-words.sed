# Breaks: how often a job says that it still takes
# Limit: LIMIT_JOB_WORDS_SECONDS
# File: lib/manager/manager.c
# Test: restart_waits test_words_meanwhile
s/words \+= words_usec/words += 100 * words_usec/
