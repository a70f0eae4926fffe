# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Storms: clients keep the broker's socket busy while something happens to the broker again and
# again. Every client gets the whole value or a refusal, never an empty, truncated or foreign
# answer. Source this after lib.bash, and call seal_values.

clients=8
triples=()

# Values of all sizes: short ones make many requests, long ones make long answers, which
# are often only half sent when something happens.
seal_values() {
        printf 'correct horse battery staple' >"$scratch/password"
        head -c 3000 /dev/urandom >"$scratch/certificate"
        head -c 900000 /dev/urandom >"$scratch/large"
        printf 'of the database' >"$scratch/db-password"
        seal web password "$scratch/password"
        seal web certificate "$scratch/certificate"
        seal web large "$scratch/large"
        seal db password "$scratch/db-password"
        triples=(
                systemd-nspawn@web.service password "$scratch/password"
                systemd-nspawn@web.service certificate "$scratch/certificate"
                systemd-nspawn@web.service large "$scratch/large"
                systemd-nspawn@db.service password "$scratch/db-password"
        )
}

main_pid() {
        systemctl show -P MainPID "$broker.service"
}

worker_pid() { # MAIN
        pgrep -o -P "$1" || :
}

standby_pid() { # MAIN
        pgrep -n -P "$1" || :
}

# How many requests are on the way now, how many have ended, and how many of those got the value.
counters() {
        od -An -w24 -t u8 "$scratch/counters"
}

has_delivered() { # SINCE
        local exact
        read -r _ _ exact < <(counters)
        (( ${exact:-0} > $1 ))
}

count_of() { # RESULT
        awk -v result="$1" '$1 == result { print $2 }' "$scratch/counts"
}

storm_begin() { # WHAT
        : >"$scratch/counters"
        /build/helpers/broker-client --clients="$clients" --seconds=3600 --counters="$scratch/counters" \
                "${triples[@]}" >"$scratch/counts" &
        storm_clients=$!
        check "$1: the clients are served" wait_until 60 has_delivered "$clients"
}

storm_end() { # WHAT NUMBERS
        local result
        kill -TERM "$storm_clients"
        check "$1: every request came to an end" wait "$storm_clients"
        printf '%s: %s; in all: %s\n' "$1" "$2" "$(tr '\n' ' ' <"$scratch/counts")"
        for result in empty truncated foreign late; do
                check_equal "$1: $result answers" 0 "$(count_of "$result")"
        done
}
