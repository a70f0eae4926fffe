# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# hostile-courier.bash ROUNDS: how long deliveries wait while a courier floods the broker with offers, parts of files,
# wrong digests and huge bundles, beside the same without it. Runs inside a booted host, after in-host.bash.
#
# The flood gets only the processors' time that nobody else wants, and the broker and the clients come before everybody
# else, so that the rows show the broker's work for the flood, and neither that of the flood nor other programs'.

set -euo pipefail

rounds=$1
folder=$(mktemp -d)
cd "$folder"
# shellcheck source=tests/bench/lib.bash
. /src/tests/bench/lib.bash
# shellcheck source=tests/host/lib.bash
. /src/tests/host/lib.bash
# shellcheck source=tests/host/tpm.bash
. /src/tests/host/tpm.bash
# shellcheck source=tests/host/fleet.bash
. /src/tests/host/fleet.bash

courier() { setpriv --reuid=nspawn-creds-courier --regid=nspawn-creds-courier --clear-groups /src/tests/host/hostile-courier "$@"; }

chmod 0755 "$scratch"
mkdir -p /etc/nspawn-creds/fleet "$scratch/set"
for who in alice bob; do
        /src/tests/host/ssh-sign key "$scratch/$who" >"$scratch/$who.pub"
        printf '%s %s\n' "$who" "$(<"$scratch/$who.pub")"
done >/etc/nspawn-creds/fleet/prod.signers
printf '{"host":"web1","threshold":2}\n' >/etc/nspawn-creds/fleet/prod.json
make_srk
nspawn-creds host export >"$scratch/set/identity"
seal_for "$scratch/set" password 'a value'
publish "$scratch/set" 7
systemctl start nspawn-creds-courier.socket
check_matches 'a set is accepted' '^ok( |$)' "$(courier carry prod "$scratch/set/bundle" "$scratch/set")"
cp -a "$scratch/set" "$scratch/other"
seal_for "$scratch/other" password 'another value'
publish "$scratch/other" 6 # signed, and old
printf 'correct horse battery staple' >secret
nspawn-creds set --no-ask --with-key=host web@x secret 2>/dev/null

# What serves requests, now and later.
while read -r pid; do chrt --all-tasks --fifo --pid 1 "$pid" || [[ ! -e /proc/$pid ]]; done \
        <"/sys/fs/cgroup$(systemctl show -P ControlGroup "$broker.service")/cgroup.procs"
requests() { # FILE: appends the median and the 99th percentile
        chrt --fifo 1 /build/helpers/broker-client --clients=2 --pause=1 --seconds=2 systemd-nspawn@web.service x "$folder/secret" >counts
        awk '$1 == "p50-ms" { half = $2 } $1 == "p99-ms" { most = $2 }
                $1 !~ /-/ && $1 != "exact" && $2 > 0 { bad = 1 } END { if (bad) exit 1; print half, most }' counts >>"$1" ||
                { echo 'not every request was answered as it should be:' >&2; cat counts >&2; exit 1; }
}

: >peace; : >war
# One round measures nothing, and beside other tests the flood would have to wait for its processor for minutes.
nobody_else=(chrt --idle 0)
(( rounds > 1 )) || nobody_else=(env)
for (( round = 0; round < rounds; round++ )); do
        requests peace
        "${nobody_else[@]}" setpriv --reuid=nspawn-creds-courier --regid=nspawn-creds-courier --clear-groups \
                /src/tests/host/hostile-courier flood 4 prod "$scratch/other/bundle" "$scratch/other" >calls &
        flood=$!
        requests war
        wait "$flood"
        check "there were $(<calls) calls" test "$(<calls)" -gt 100
done
echo
echo 'waiting for a delivery while a courier floods the broker; at most twice as long'
row 'during a flood, median' "$(cut -d ' ' -f 1 war | median)" "$(cut -d ' ' -f 1 peace | median)" ms without '<=' 2
row 'during a flood, p99' "$(cut -d ' ' -f 2 war | median)" "$(cut -d ' ' -f 2 peace | median)" ms without
rm -r "$folder"
finish
