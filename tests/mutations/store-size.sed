# Breaks: that the service manager may store all connections
# File: units/nspawn-creds-broker.service.in
# Test: build
s/^(FileDescriptorStoreMax=).*/\12048/
