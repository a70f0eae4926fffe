# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Numbers for the plots in docs/pictures: one line each, its fields separated by tabs. They go into a
# file in /results, which is there only if somebody wants them. Source it inside a host.

# What follows goes into FILE, which begins with when and on what it was measured.
record_to() { # FILE
        recorded=/results/$1
        [[ -d /results ]] || recorded=/dev/null
        [[ -s $recorded ]] || {
                printf '# measured: %s\n' "$(date -u +%F)"
                printf '# processors: %d, %s, Linux %s\n' "$(nproc)" \
                        "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(uname -r)"
                printf '# versions: %s, %s\n' "$(nspawn-creds --version | head -n 1)" \
                        "$(systemctl --version | head -n 1)"
        } >"$recorded"
}

record() { # FIELD...
        (IFS=$'\t'; printf '%s\n' "$*") >>"$recorded"
}
