# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# in-host.bash ROUNDS: the benchmark itself, inside a booted host. Our program and the peer's take turns,
# round by round, so that other load affects both. Prints the median of the rounds.

set -euo pipefail

rounds=$1
device=swtpm:path=/run/swtpm/tpm
scratch=$(mktemp -d)
server=''
trap '[[ -z $server ]] || kill "$server"; rm -rf -- "$scratch"' EXIT
cd "$scratch"
printf 'correct horse battery staple' >secret

# shellcheck source=tests/bench/lib.bash
. /src/tests/bench/lib.bash

# --- opening a file: whole processes ---

bench_decrypt() { # WORDS COUNT FILE [OPTION...]
        local words=$1 count=$2 file=$3 round
        shift 3
        : >ours; : >peer
        cmp -s <(nspawn-creds decrypt --name=web@x "$@" "$file" -) secret
        cmp -s <(systemd-creds decrypt --name=web@x "$@" "$file" - 2>/dev/null) secret
        for (( round = 0; round < rounds; round++ )); do
                milliseconds "$count" nspawn-creds decrypt --name=web@x "$@" "$file" - >>ours
                milliseconds "$count" systemd-creds decrypt --name=web@x "$@" "$file" - >>peer 2>/dev/null
        done
        row "$words" "$(median <ours)" "$(median <peer)" ms systemd-creds
}

echo "$(systemctl --version | head -n 1), medians of $rounds rounds; below 1 we are faster"
nspawn-creds encrypt --with-key=host --name=web@x secret host.cred
nspawn-creds encrypt --with-key=tpm2 --tpm2-device=$device --name=web@x secret tpm.cred
nspawn-creds encrypt --with-key=tpm2 --tpm2-device=$device --tpm2-pcrs=7 --name=web@x secret pcr.cred
bench_decrypt 'decrypt, host key' 40 host.cred
bench_decrypt 'decrypt, TPM (software)' 10 tpm.cred --tpm2-device=$device
bench_decrypt 'decrypt, TPM and PCR 7' 10 pcr.cred --tpm2-device=$device

# --- storing a value: whole processes ---

# New credentials, as the peer writes new files.
bench_set() { # WORDS COUNT OPTION... [<= RATIO]
        local words=$1 count=$2 options=("${@:3:2}") round i
        : >ours; : >peer
        for (( round = 0; round < rounds; round++ )); do
                for (( i = 0; i < count; i++ )); do
                        milliseconds 1 nspawn-creds set --no-ask "${options[@]}" "set@x-$round-$i" secret >>ours
                        milliseconds 1 systemd-creds encrypt "${options[@]}" secret "x-$round-$i.cred" >>peer
                done 2>/dev/null # notes about a policy
        done
        rm -r /var/lib/nspawn-creds/store/set x-*.cred
        row "$words" "$(median <ours)" "$(median <peer)" ms 'systemd-creds encrypt' "${@:5}"
}
bench_set 'set, host key' 10 --with-key=host --tpm2-device=$device
bench_set 'set, TPM (software)' 10 --with-key=tpm2 --tpm2-device=$device

# Commands of a real TPM take from some milliseconds to some hundred, so that this row has the target.
mkdir /run/slow-tpm
systemd-run --quiet --unit=slow-tpm /src/tests/host/tpm-counter --each=10 "${device#*=}" /run/slow-tpm/tpm /dev/null
until [[ -S /run/slow-tpm/tpm && -S /run/slow-tpm/tpm.ctrl ]]; do sleep 0.05; done
bench_set 'set, TPM with 10 ms a command' 5 --with-key=tpm2 --tpm2-device=swtpm:path=/run/slow-tpm/tpm '<=' 1
systemctl stop slow-tpm.service

# --- the broker's socket ---

requests() { # SOCKET [CLIENTS]: a second, which all have to be answered with the secret
        /build/helpers/broker-client --socket="$1" --clients="${2:-8}" --seconds=2 \
                systemd-nspawn@web.service x "$scratch/secret" >counts
        awk '$1 == "per-second" { rate = $2 } $1 !~ /-/ && $1 != "exact" && $2 > 0 { bad = 1 }
                END { if (bad) exit 1; print rate }' counts ||
                { echo 'not every request was answered as it should be:' >&2; cat counts >&2; exit 1; }
}

echo
echo 'requests a second on the socket, 8 clients; above 1 would be faster than the floor'
nspawn-creds set --no-ask --with-key=host web@x secret 2>/dev/null  # no note about a policy
/build/helpers/bare-server "$scratch/bare" secret &
server=$!
# An entry like the broker's, from a service without a rate limit.
printf '%s\n' 'MESSAGE=web@x: delivered to systemd-nspawn@web.service in 0.1 ms' \
        MESSAGE_ID=def737ae9a3d488eabcf05b956e29b5b PRIORITY=6 SYSLOG_IDENTIFIER=nspawn-creds-broker \
        NSPAWN_CREDS_VERDICT=delivered NSPAWN_CREDS_OUTCOME=ok NSPAWN_CREDS_MACHINE=web \
        NSPAWN_CREDS_CREDENTIAL=x NSPAWN_CREDS_UNIT=systemd-nspawn@web.service NSPAWN_CREDS_DELIVERY=boot \
        NSPAWN_CREDS_PEER_PID=1234 NSPAWN_CREDS_PEER_UID=0 NSPAWN_CREDS_USEC=123 >entry
systemd-run --quiet --unit=bare-with-journal -p LogRateLimitIntervalSec=1s -p LogRateLimitBurst=10000000 \
        /build/helpers/bare-server "$scratch/bare-with-journal" "$scratch/secret" "$scratch/entry"
until [[ -S $scratch/bare && -S $scratch/bare-with-journal ]]; do sleep 0.05; done

# The broker in turns with both. It cannot be faster than the second, because the journal needs the
# processor, too.
bench_requests() { # WORDS
        local round
        : >ours; : >floor; : >floor-with-journal
        for (( round = 0; round < rounds; round++ )); do
                requests /run/nspawn-creds/broker >>ours
                requests "$scratch/bare" >>floor
                requests "$scratch/bare-with-journal" >>floor-with-journal
        done
        row "$1" "$(median <ours)" "$(median <floor)" /s 'bare accept-send-close' '>=' 0.8
        row "$1" "$(median <ours)" "$(median <floor-with-journal)" /s '… and an entry'
}
bench_requests 'broker, host key'
mkdir -p /etc/nspawn-creds
{
        printf '{"credentials": {'
        printf '"other-%s": {"services": ["a.service"]}, ' {1..23}
        printf '"x": {"store": true}}}\n'
} >/etc/nspawn-creds/web.json
sleep 3.5   # until the broker relies on the file's time
bench_requests 'broker, host key, policy of 24'
rm /etc/nspawn-creds/web.json
systemctl stop bare-with-journal.service

# It reads its secrets in clear from a file, and writes one entry per request, like the broker.
bench_vaultd() {
        local clients round
        mkdir -p /run/vaultd
        printf '{"x": "%s"}' "$(<secret)" >/run/vaultd/systemd-nspawn@web.service.json
        systemd-run --quiet --unit=vaultd -p LogRateLimitIntervalSec=1s -p LogRateLimitBurst=10000000 \
                /opt/systemd-vaultd -secrets /run/vaultd -sock "$scratch/vaultd"
        until [[ -S $scratch/vaultd ]]; do sleep 0.05; done
        for clients in 1 2 8; do
                : >ours; : >peer
                for (( round = 0; round < rounds; round++ )); do
                        requests /run/nspawn-creds/broker "$clients" >>ours
                        requests "$scratch/vaultd" "$clients" >>peer
                done
                row "broker, $clients clients" "$(median <ours)" "$(median <peer)" /s systemd-vaultd
        done
        systemctl stop vaultd.service
}
[[ ! -x /opt/systemd-vaultd ]] || bench_vaultd

# --- the start of a unit ---

echo
echo 'start of a unit with 50 credentials; a trivial socket server in the place of the broker'
unit_with_credentials() { # UNIT SOCKET
        local i
        {
                printf '[Service]\nType=oneshot\nExecStart=/bin/true\n'
                for (( i = 0; i < 50; i++ )); do printf 'LoadCredential=c%d:%s\n' "$i" "$2"; done
        } >"/run/systemd/system/$1"
}
for (( i = 0; i < 50; i++ )); do
        nspawn-creds set --no-ask --with-key=host "bench@c$i" secret 2>/dev/null
done
unit_with_credentials systemd-nspawn@bench.service /run/nspawn-creds/broker
unit_with_credentials systemd-nspawn@bare.service "$scratch/bare"
systemctl daemon-reload
: >ours; : >peer
for (( round = 0; round < rounds; round++ )); do
        milliseconds 4 systemctl start systemd-nspawn@bench.service >>ours
        milliseconds 4 systemctl start systemd-nspawn@bare.service >>peer
done
row 'unit with 50 credentials' "$(median <ours)" "$(median <peer)" ms 'bare server' '<=' 1.2

# --- the generator ---

echo
echo 'drop-ins of 1000 machines at a daemon-reload; 50 ms is the limit'
mkdir -p /etc/nspawn-creds
generator=/usr/lib/systemd/system-generators/nspawn-creds-generator
bench_generator() { # CREDENTIALS
        local i round
        for (( i = 0; i < 1000; i++ )); do
                {
                        printf '{"credentials": {'
                        for (( c = 1; c < $1; c++ )); do
                                printf '"other-%d": {"services": ["a.service"]}, ' "$c"
                        done
                        printf '"x": {"store": true}}}\n'
                } >"/etc/nspawn-creds/m$i.json"
        done
        : >ours
        for (( round = 0; round < rounds; round++ )); do
                rm -rf /run/generated
                mkdir /run/generated
                milliseconds 1 "$generator" /run/generated >>ours
        done
        [[ $(find /run/generated -type f -path '*/systemd-nspawn@*' | wc -l) == 1000 ]] || { echo 'not all were written' >&2; exit 1; }
        row "generator, $1 credentials each" "$(median <ours)" 50 ms limit '<=' 1
}
bench_generator 4
bench_generator 24
rm -r /etc/nspawn-creds /run/generated

# --- memory ---

echo
read -r used processes < <(private_memory)
row "private memory after that, $processes processes" "$used" 4096 KiB limit
systemctl restart nspawn-creds-broker.service
systemctl start systemd-nspawn@bench.service
sleep 12    # until no key is kept
read -r used processes < <(private_memory)
row "private memory, idle, $processes processes" "$used" 4096 KiB limit '<=' 1

# --- sealing ---

echo
/build/bin/seal_rate
