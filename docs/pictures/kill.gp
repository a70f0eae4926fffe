# SPDX-License-Identifier: LGPL-2.1-or-later
# What clients get while processes of the broker are killed (tests/host/cases/kill). Wrong is an empty,
# truncated, foreign or late answer.
load "style.gp"
data = "<sed 's/both/main+worker/; s/either/main|or worker/; s/+/|+ /; s/main/supervisor/' data/kill.tsv"
stats data using 2 nooutput name "K"
stats data using 3 nooutput name "C"
stats data using 7 nooutput name "W"
label_of(text) = strstrt(text, "|") ? substr(text, 1, strstrt(text, "|") - 1)."\n".substr(text, strstrt(text, "|") + 1, 99) : text
set title sprintf("kill -9, %d times, with %d requests on their way: %d wrong answers", K_sum, C_sum, W_sum)
set xlabel "killed processes" offset 0,-0.7
set ylabel "answers"
set yrange [0:*]
set tics scale 0
set xtics font ",11"
set style data histogram
set style histogram rowstacked
set style fill solid 1 noborder
set boxwidth 0.55
set key outside right top vertical Left reverse spacing 1.4 samplen 1.5 invert
plot data using 4:xtic(label_of(strcol(1))) title "whole secret" linecolor rgb ours, \
     data using 5 title "refused" linecolor rgb ours_too, \
     data using 6 title "connection lost" linecolor rgb stock_too, \
     data using 7 title "wrong" linecolor rgb 0xc03030
