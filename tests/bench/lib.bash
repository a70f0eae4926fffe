# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Measures, and prints the rows of the benchmark. Source it inside the host.

# shellcheck source=tests/lib/record.bash
. /src/tests/lib/record.bash
record_to bench.tsv

median() {
        sort -g | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'
}

milliseconds() { # COUNT COMMAND...: of one call
        local count=$1 start=$EPOCHREALTIME i
        shift
        for (( i = 0; i < count; i++ )); do "$@" >/dev/null; done
        awk -v a="$start" -v b="$EPOCHREALTIME" -v n="$count" 'BEGIN { print (b - a) * 1000 / n }'
}

milliseconds_since() { # EPOCHREALTIME
        awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { print (b - a) * 1000 }'
}

row() { # WORDS OURS PEER UNIT PEER'S-NAME [<=|>= RATIO]
        awk -v words="$1" -v ours="$2" -v peer="$3" -v unit="$4" -v name="$5" \
                -v sign="${6:-}" -v target="${7:-}" 'BEGIN {
                ratio = ours / peer
                printf "%-36s %10.4g %-4s %-24s %10.4g %-4s ratio %.2f",
                        words, ours, unit, name, peer, unit, ratio
                if (sign)
                        printf ", target %s %s: %s", sign, target,
                                (sign == "<=" ? ratio <= target : ratio >= target) ? "met" : "MISSED"
                print "" }'
        record row "$1" "$2" "$4" "$5" "$3" "${6:-}${7:-}"
}

row_not_run() { # WORDS PEER'S-NAME
        printf '%-36s %15s %-24s not run\n' "$1" '' "$2"
}

private_memory() { # KiB, of all of the broker's processes; and how many there are
        local cgroup pid
        cgroup=/sys/fs/cgroup$(systemctl show -P ControlGroup nspawn-creds-broker.service)
        while read -r pid; do
                awk '$1 ~ /^Private_(Clean|Dirty):/ { sum += $2 } END { print sum }' "/proc/$pid/smaps_rollup"
        done <"$cgroup/cgroup.procs" | awk '{ sum += $1; n++ } END { print sum, n }'
}
