# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# containers.bash ROUNDS COUNT...: how long people wait, inside a booted host with the container "web":
# for its start until its service has COUNT credentials, and for a rotation until its service runs with
# the new value. All ways to deliver credentials take turns, round by round. Runs before in-host.bash.

set -euo pipefail

rounds=$1
shift
counts=("$@")
device=swtpm:path=/run/swtpm/tpm
store=/var/lib/nspawn-creds/store
policy=/etc/nspawn-creds/web.json
root=/var/lib/machines/web
unit=systemd-nspawn@web.service
override=/run/systemd/system/$unit.d
systemd_version=$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
cd "$scratch"
# shellcheck source=tests/bench/lib.bash
. /src/tests/bench/lib.bash

fail() {
        printf 'containers.bash: %s\n' "$*" >&2
        exit 1
}

# --- the container's services ------------------------------------------------

# They say through a FIFO what they have got.
mkfifo "$root/var/lib/word"
exec {words}<>"$root/var/lib/word"

next_word() {
        local word
        read -r -t 120 -u "$words" word || fail 'the service in the container does not run'
        printf '%s\n' "$word"
}

# The only one that runs. Its description is on stdin.
write_service() {
        local units=$root/etc/systemd/system
        mkdir -p "$units/multi-user.target.wants"
        cat >"$units/bench.service"
        ln -sf ../bench.service "$units/multi-user.target.wants/"
}

# Gets KEY-1, KEY-2 and so on, and counts them.
write_counting_service() { # KEY COUNT
        local setting=ImportCredential i
        (( systemd_version >= 254 )) || setting=LoadCredential
        {
                printf '[Service]\nType=oneshot\n'
                printf "ExecStart=/bin/sh -c 'ls \"\$\$CREDENTIALS_DIRECTORY/\" | grep -c ^%s- >/var/lib/word'\n" "$1"
                for (( i = 1; i <= $2; i++ )); do printf '%s=%s-%d\n' "$setting" "$1" "$i"; done
        } | write_service
}

# --- the ways to deliver -----------------------------------------------------

vendor_line=$(systemctl cat "$unit" | grep '^ExecStart=systemd-nspawn')

# The unit as systemd has it, which gets credentials by SETTING, a line with the word ID, and passes
# on those that are called NAME in it.
stock_unit() { # KEY COUNT SETTING NAME
        local i options=''
        mkdir -p "$override"
        {
                printf '[Service]\nExecSearchPath=\n'
                for (( i = 1; i <= $2; i++ )); do
                        printf '%s\n' "${3//ID/$1-$i}"
                        options+=" --load-credential=$1-$i:${4//ID/$1-$i}"
                done
                printf 'ExecStart=\n%s%s\n' "$vendor_line" "$options"
        } >"$override/bench.conf"
}

way_none()   { stock_unit "$1" 0 '' ''; }
way_stock()  { stock_unit "$1" "$2" "LoadCredentialEncrypted=web@ID:$store/web/ID.cred" web@ID; }
way_plain()  { stock_unit "$1" "$2" LoadCredential=ID:/run/plain/ID ID; }
way_vaultd() { stock_unit "$1" "$2" LoadCredential=ID:/run/vaultd/socket ID; }
way_ours() {
        local i separator=''
        {
                printf '{"credentials": {'
                for (( i = 1; i <= $2; i++ )); do
                        printf '%s"%s-%d": {"store": true}' "$separator" "$1" "$i"
                        separator=', '
                done
                printf '}}\n'
        } >"$policy"
}

# Appends to the file WAY-KEY-COUNT how long a start takes, ms. No key is in the broker's cache then.
measure_start() { # WAY KEY COUNT
        local begin count expected=$3
        [[ $1 != none ]] || expected=0
        rm -rf "$override" "$policy"
        write_counting_service "$2" "$expected"
        "way_$1" "$2" "$3"
        systemctl daemon-reload
        systemctl restart nspawn-creds-broker.service
        begin=$EPOCHREALTIME
        systemctl start "$unit"
        count=$(next_word)
        milliseconds_since "$begin" >>"$1-$2-$3"
        [[ $count == "$expected" ]] || fail "$1: the service has $count credentials instead of $expected"
        systemctl stop "$unit"
}

prepare_credentials() {
        local i key
        printf 'correct horse battery staple' >secret
        mkdir -p "${policy%/*}" /run/plain /run/vaultd /run/systemd/system.conf.d
        for (( i = 1; i <= counts[-1]; i++ )); do
                for key in host tpm2; do
                        nspawn-creds set --no-ask --with-key="$key" --tpm2-device="$device" \
                                "web@$key-$i" secret 2>/dev/null
                done
                cp secret "/run/plain/plain-$i"
                printf '"vaultd-%d": "%s", ' "$i" "$(<secret)" >>json
        done
        printf '{%s"last": ""}' "$(<json)" >"/run/vaultd/$unit.json"
        # for systemd itself, and for its service that opens credentials from version 260 on
        mkdir -p /run/systemd/system/systemd-creds@.service.d
        printf '[Manager]\nManagerEnvironment=SYSTEMD_TPM2_DEVICE=%s\n' "$device" \
                >/run/systemd/system.conf.d/tpm.conf
        printf '[Service]\nEnvironment=SYSTEMD_TPM2_DEVICE=%s\n' "$device" \
                >/run/systemd/system/systemd-creds@.service.d/tpm.conf
        [[ ! -x /opt/systemd-vaultd ]] || systemd-run --quiet --unit=vaultd \
                /opt/systemd-vaultd -secrets /run/vaultd -sock /run/vaultd/socket
}

row_start() { # WAY KEY COUNT PEER PEER'S-KEY PEER'S-NAME [<= RATIO]
        local words="start, credentials: $3 ($2)"
        if [[ -s $4-$5-$3 ]]; then
                row "$words" "$(median <"$1-$2-$3")" "$(median <"$4-$5-$3")" ms "${@:6}"
        else
                row_not_run "$words" "$6"
        fi
}

bench_starts() {
        local round count way target ways=('none none' 'plain plain' 'ours host' 'stock host' 'ours tpm2')
        # 252 leaves a TPM session at every call, so that the TPM soon has no room
        (( systemd_version < 254 )) || ways+=('stock tpm2')
        [[ ! -x /opt/systemd-vaultd ]] || ways+=('vaultd vaultd')
        prepare_credentials
        measure_start none none 0 # the first start of a new container takes longer
        rm none-none-0
        for (( round = 0; round < rounds; round++ )); do
                for count in "${counts[@]}"; do
                        for way in "${ways[@]}"; do
                                # shellcheck disable=SC2086 # words
                                measure_start $way "$count"
                        done
                done
        done
        for way in *-*-*; do
                record start "${way//-/$'\t'}" "$(median <"$way")"
        done
        for count in "${counts[@]}"; do
                for key in host tpm2; do
                        target=()
                        [[ $key-$count != tpm2-24 ]] || target=('<=' 1.15)
                        row_start ours "$key" "$count" none none 'no credentials' "${target[@]}"
                        row_start ours "$key" "$count" stock "$key" LoadCredentialEncrypted=
                        row_start ours "$key" "$count" plain plain 'plain files'
                        row_start ours "$key" "$count" vaultd vaultd systemd-vaultd
                done
        done
}

# --- a new value -------------------------------------------------------------

bench_rotation() {
        local round begin
        rm -rf "$override"
        cat >"$policy" <<'END'
{"credentials": {"token": {"delivery": "live", "services": ["bench.service"], "onChange": "restart"}}}
END
        write_service <<'END'
[Unit]
StartLimitIntervalSec=0
[Service]
LoadCredential=token:/run/host/nspawn-creds/socket
ExecStart=/bin/sh -c 'cat "$$CREDENTIALS_DIRECTORY/token" >/var/lib/word; exec sleep infinity'
END
        echo 'value 0' | nspawn-creds set --no-ask --with-key=host web@token - 2>/dev/null
        systemctl daemon-reload
        systemctl start "$unit"
        next_word >/dev/null
        for (( round = 1; round <= rounds; round++ )); do
                begin=$EPOCHREALTIME
                echo "value $round" | nspawn-creds rotate web@token - >/dev/null &
                [[ $(next_word) == "value $round" ]] || fail 'the service does not have the new value'
                milliseconds_since "$begin" >>ours
                wait $! # until it is sure that the service stays up
                begin=$EPOCHREALTIME
                systemctl -M web restart bench.service &
                next_word >/dev/null
                milliseconds_since "$begin" >>peer
                wait $!
        done
        systemctl stop "$unit"
        row 'rotate, until the service runs' "$(median <ours)" "$(median <peer)" ms 'restart of the service'
}

echo "start of a whole container until its service has its credentials; below 1 we are faster"
bench_starts
echo
bench_rotation
rm -rf "$override" "$policy" "$store/web" "$root/var/lib/word"
[[ ! -x /opt/systemd-vaultd ]] || systemctl stop vaultd.service
systemctl daemon-reload
