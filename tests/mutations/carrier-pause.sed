# Breaks: the longest pause after failures
# Limit: LIMIT_CARRIER_PAUSE_USEC
# Covered: it is reached after 10 failures, in 15 minutes
