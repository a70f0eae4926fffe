# Breaks: the place that other machines cannot take
# File: broker/live/live.c
# Test: live test_greedy_machines
s,socket->connections == 0 \|\|,false \|\|,
