# SPDX-License-Identifier: LGPL-2.1-or-later
# What all plots have in common. Grey is #808080, which make replaces by a style for light and dark.
set terminal svg size 800,400 dynamic enhanced font "DejaVu Sans,Verdana,sans-serif,13"
set datafile separator "\t"
grey = 0x808080
set border 3 linecolor rgb grey
set tics nomirror textcolor rgb grey
set grid ytics linecolor rgb grey linewidth 0.4 dashtype 3
set key textcolor rgb grey
set title textcolor rgb grey
set xlabel textcolor rgb grey
set ylabel textcolor rgb grey
ours = 0x2f9d6b
ours_too = 0x3f86c0
stock = 0xc8642e
stock_too = 0xc49a2a
other = 0x9a6cc8
