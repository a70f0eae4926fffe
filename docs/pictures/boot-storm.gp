# SPDX-License-Identifier: LGPL-2.1-or-later
# When containers that start at once have their credentials (tests/host/cases/boot-storm).
load "style.gp"
of(name) = sprintf("<grep '^%s' data/boot-storm.tsv", name)
stats of("a key each") using 3 nooutput name "A"
set title sprintf("Boot storm: %d containers with 24 credentials each, 200 ms for a Load or Unseal", A_max)
set xlabel "seconds (logarithmic)"
set ylabel "containers that have theirs"
set logscale x
set yrange [0:*]
set key outside below Left reverse maxcols 1 spacing 1.3
set style data linespoints
plot of("one key") using 2:3 title "nspawn-creds, one key for all" linecolor rgb ours_too linewidth 2 pointtype 7 pointsize 0.6, \
     of("a key each") using 2:3 title "nspawn-creds, a key for each container" linecolor rgb ours linewidth 2 pointtype 7 pointsize 0.6, \
     of("stock") using 2:3 title "systemd, LoadCredentialEncrypted=" linecolor rgb stock linewidth 2 pointtype 7 pointsize 0.6
