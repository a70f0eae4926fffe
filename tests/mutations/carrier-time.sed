# Breaks: how long a transfer may take
# Limit: LIMIT_CARRIER_SECONDS
# Covered: a transfer takes that long only after 300 s; the same call of libcurl ends the watches of an etcd
