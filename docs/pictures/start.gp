# SPDX-License-Identifier: LGPL-2.1-or-later
# How long a container takes to start, by the number of its credentials (tests/bench/containers.bash).
load "style.gp"
of(way, key) = sprintf("<awk -F '\\t' '$1 == \"start\" && $2 == \"%s\" && $3 == \"%s\"' data/bench.tsv | sort -t '\t' -n -k 4", way, key)
stats of("none", "none") using 5 nooutput name "N"
set title "Start of a container until its service has its credentials"
set xlabel "credentials"
set ylabel "ms"
set xrange [-1:52]
set xtics (1, 24, 50)
set yrange [0:*]
set key outside right top Left reverse spacing 1.3 samplen 2
set style data linespoints
plot of("stock", "tpm2") using 4:5 title "systemd, TPM" linecolor rgb stock linewidth 2 pointtype 5 pointsize 0.7, \
     of("stock", "host") using 4:5 title "systemd, host key" linecolor rgb stock_too linewidth 2 pointtype 5 pointsize 0.7, \
     of("ours", "tpm2") using 4:5 title "nspawn-creds, TPM" linecolor rgb ours linewidth 2 pointtype 7 pointsize 0.7, \
     of("ours", "host") using 4:5 title "nspawn-creds, host key" linecolor rgb ours_too linewidth 2 pointtype 7 pointsize 0.7, \
     of("vaultd", "vaultd") using 4:5 title "systemd-vaultd" linecolor rgb other linewidth 2 pointtype 9 pointsize 0.7, \
     of("plain", "plain") using 4:5 title "plain files" linecolor rgb grey linewidth 2 pointtype 13 pointsize 0.7, \
     N_median with lines title "no credentials" linecolor rgb grey dashtype 2
