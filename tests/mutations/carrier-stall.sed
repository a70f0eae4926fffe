# Breaks: how long a server may be silent
# Limit: LIMIT_CARRIER_STALL
# Covered: its value takes 30 s; --timeout= replaces it in the test courier, case silence
