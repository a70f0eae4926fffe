# Breaks: that redirections lead to https alone
# File: courier/http.c
# Test: courier
s/REDIR_PROTOCOLS_STR, "https"/REDIR_PROTOCOLS_STR, "https,http,file"/
