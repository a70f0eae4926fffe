# SPDX-License-Identifier: LGPL-2.1-or-later
# How long after a push hosts have the new set, by their number (tests/bench/couriers).
load "style.gp"
of(carrier) = sprintf("<awk -F '\\t' '$1 == \"%s\"' data/couriers.tsv", carrier)
set title "After a push, until all hosts have it"
set xlabel "hosts"
set ylabel "s"
set logscale x
set xrange [8:1250]
set xtics (10, 100, 1000)
set yrange [0:*]
set key outside right top Left reverse spacing 1.3 samplen 2
set style data linespoints
plot of("etcd") using 2:($3 + $6) title "etcd, with the push" linecolor rgb ours linewidth 2 pointtype 7 pointsize 0.7, \
     of("etcd") using 2:6 title "etcd, after the push" linecolor rgb ours linewidth 2 dashtype 2 pointtype 7 pointsize 0.7, \
     of("nginx") using 2:($3 + $6) title "nginx, with the push" linecolor rgb ours_too linewidth 2 pointtype 5 pointsize 0.7, \
     of("nginx") using 2:6 title "nginx, after the push" linecolor rgb ours_too linewidth 2 dashtype 2 pointtype 5 pointsize 0.7, \
     5 title "nginx: hosts look every 5 s" with lines linecolor rgb grey dashtype 2
