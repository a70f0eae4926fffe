# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# busy-store.bash ROUNDS CREDENTIALS: how long deliveries wait while somebody lists or changes a large
# store. Runs inside a booted host, after in-host.bash.
#
# Two clients ask all the time, with a pause of a millisecond between two requests. Each row
# is the 99.9th percentile of their waiting during the work, beside the same without it. The target is twice
# that, or 20 ms, whichever is greater.

set -euo pipefail

rounds=$1 credentials=$2
store=/var/lib/nspawn-creds/store
bulk=$(( credentials / 100 ))   # files of one machine that are resealed, and commits
(( bulk <= 1000 )) || bulk=1000
scratch=$(mktemp -d)
client=''
trap '[[ -z $client ]] || kill "$client"; rm -rf -- "$scratch"' EXIT
cd "$scratch"
# shellcheck source=tests/bench/lib.bash
. /src/tests/bench/lib.bash

printf 'correct horse battery staple' >secret
printf 'correct horse battery staple' | nspawn-creds set --no-ask --with-key=host web@x - 2>/dev/null
nspawn-creds encrypt --with-key=host --name=web@x secret web.cred

# Files that are only listed may all have the same content, but each is a file of its own.
make_store() {
        local machine
        mkdir one
        for (( i = 0; i < 100; i++ )); do cp web.cred "one/c$i.cred"; done
        chmod 0640 one/*
        chmod 0770 one
        chown -R --reference="$store" one
        for (( machine = 0; machine < credentials / 100; machine++ )); do
                cp -a one "$store/m$machine"
        done
        for (( i = 0; i < bulk; i++ )); do
                nspawn-creds encrypt --with-key=host --name="bulk@c$i" secret "bulk-c$i.cred"
        done
        mkdir "$store/bulk"
        for (( i = 0; i < bulk; i++ )); do mv "bulk-c$i.cred" "$store/bulk/c$i.cred"; done
        chmod 0640 "$store"/bulk/*
        chmod 0770 "$store/bulk"
        chown -R --reference="$store" "$store/bulk"
}

# The percentile while COMMAND runs; it has to succeed.
waiting_during() { # COMMAND...
        /build/helpers/broker-client --clients=2 --pause=1 --seconds=600 \
                systemd-nspawn@web.service x "$scratch/secret" >counts &
        client=$!
        "$@" >output
        kill "$client"
        wait "$client"
        client=''
        awk '$1 == "p99.9-ms" { time = $2 } $1 !~ /-/ && $1 != "exact" && $2 > 0 { bad = 1 }
                END { if (bad) exit 1; print time }' counts ||
                { echo 'not every request was answered as it should be:' >&2; cat counts >&2; exit 1; }
}

do_nothing() { sleep 2; }

list_all() {
        nspawn-creds list --json=short >list
        [[ $(grep -oE '"credential": ?"' list | wc -l) == $(find "$store" -name '*.cred' | wc -l) ]] ||
                { echo 'the list is not whole' >&2; exit 1; }
}

reseal_bulk() { nspawn-creds reseal bulk; }

# Somebody holds the locks that writers take, and a writer waits for them in vain.
hold_lock() {
        flock "$store" flock "$store/web" /bin/sh -c \
                'printf y | nspawn-creds set --no-ask --with-key=host web@y - 2>/dev/null && exit 1; exit 0'
}

commit_often() {
        local i
        for (( i = 0; i < bulk; i++ )); do
                nspawn-creds set --no-ask --with-key=host web@y - <secret 2>/dev/null
        done
}

bench_waiting() { # WORDS COMMAND
        local round target
        : >ours; : >floor
        for (( round = 0; round < rounds; round++ )); do
                waiting_during do_nothing >>floor
                waiting_during "$2" >>ours
        done
        target=$(awk -v floor="$(median <floor)" 'BEGIN { print (20 / floor > 2) ? 20 / floor : 2 }')
        row "$1" "$(median <ours)" "$(median <floor)" ms 'without' '<=' "$target"
}

echo
echo "waiting for a delivery (p99.9), $credentials credentials in the store; at most twice as long, or 20 ms"
make_store
ours=$(milliseconds 1 list_all)
row "list, $credentials credentials" "$ours" "$(milliseconds 1 find "$store" -type f -name '*.cred')" ms find
bench_waiting 'during list' list_all
bench_waiting "during reseal of $bulk" reseal_bulk
bench_waiting 'while a lock is held' hold_lock
bench_waiting "during $bulk commits" commit_often
read -r used processes < <(private_memory)
row "private memory after that, $processes processes" "$used" 6144 KiB limit '<=' 1
