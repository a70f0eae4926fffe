# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The library of the test cases in cases/, which run inside a booted host: checks, and
# what all cases do with containers, credentials and the journal.
#
# A case fails at the first check that does not hold. It must end with `finish`; if it
# ends in any other way, or checked nothing, it has failed, whatever its status.

set -Eeuo pipefail

device=swtpm:path=/run/swtpm/tpm
store=/var/lib/nspawn-creds/store
broker=nspawn-creds-broker
scratch=$(mktemp -d)
systemd_version=$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')

# --- checks ------------------------------------------------------------------

checks=0
finished=no
failed_command=''

at_exit() {
        local rc=$?
        rm -rf -- "$scratch"
        if [[ $finished == no ]]; then
                printf 'NOT FINISHED: %s ended after %d checks with status %d%s\n' \
                        "$0" "$checks" "$rc" "${failed_command:+, $failed_command}" >&2
                exit 1
        fi
}
trap at_exit EXIT
trap 'failed_command="${BASH_SOURCE[0]##*/}:$LINENO: $BASH_COMMAND"' ERR

finish() {
        (( checks > 0 )) || fail 'nothing was checked'
        finished=yes
        printf '%d checks held\n' "$checks"
        exit 0
}

# Ends a case here, except on trixie, because the rest does not depend on systemd.
rest_on_one_suite() {
        [[ $(</etc/testhost-suite) == trixie ]] || finish
}

fail() {
        printf 'FAILED: %s\n' "$*" >&2
        exit 1
}

held() { # WORDS
        checks=$(( checks + 1 ))
        printf 'ok %3d  %s\n' "$checks" "$*"
}

check() { # WORDS COMMAND...
        local words=$1
        shift
        "$@" || fail "$words ($*: status $?)"
        held "$words"
}

check_fails() { # WORDS COMMAND...
        local words=$1
        shift
        ! "$@" || fail "$words ($* succeeded)"
        held "$words"
}

check_equal() { # WORDS EXPECTED ACTUAL
        [[ $2 == "$3" ]] || fail "$1: expected '$2', got '$3'"
        held "$1"
}

check_matches() { # WORDS REGULAR-EXPRESSION ACTUAL
        [[ $3 =~ $2 ]] || fail "$1: expected a match of '$2', got '$3'"
        held "$1"
}

check_same_bytes() { # WORDS EXPECTED-FILE FILE
        cmp -- "$2" "$3" || fail "$1"
        held "$1"
}

# Asks more and more seldom, from 50 to 4 times a second: others compute meanwhile, and most questions start programs.
wait_until() { # SECONDS COMMAND...
        local end=$(( SECONDS + $1 )) pause=20 seconds
        shift
        until "$@"; do
                (( SECONDS < end )) || return 1
                printf -v seconds "0.%03d" "$pause"
                sleep "$seconds"
                pause=$(( pause < 220 ? pause + (pause + 7) / 8 : 250 ))
        done
}

# --- credentials -------------------------------------------------------------

seal() { # MACHINE ID FILE [OPTION...]
        local machine=$1 id=$2 file=$3
        shift 3
        nspawn-creds set --no-ask --store=/var/lib/nspawn-creds/store --with-key=host \
                --tpm2-device="$device" "$@" "$machine@$id" - <"$file" 2>/dev/null
}

# The broker caches an unsealed key for some seconds. To test a broken TPM, restart it, so
# that it has to use the TPM.
forget_keys() { systemctl restart "$broker.service"; }

# A number of the broker's status, such as waiting.
status() { # NAME
        nspawn-creds status --json=short | sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p"
}
waits() { [[ $(status waiting) == "$1" ]]; } # REQUESTS

# The fingerprints of the TPM-sealed keys of a machine's credentials, or of one, each once.
keys_of() { # MACHINE [ID]
        nspawn-creds list --json=short "$1" | python3 -c 'import json, sys
for entry in json.load(sys.stdin):
    if entry.get("key") and entry["credential"] in (sys.argv[1:] or [entry["credential"]]):
        print(entry["key"])' "${@:2}" | sort -u
}

# --- containers --------------------------------------------------------------

# Writes the drop-in that an administrator would write by hand: the credentials that a
# container gets from the broker.
ask_for() { # MACHINE ID...
        local directory=/etc/systemd/system/systemd-nspawn@$1.service.d id
        shift
        mkdir -p "$directory"
        {
                printf '[Unit]\nWants=%s.socket\nAfter=%s.socket\n[Service]\n' "$broker" "$broker"
                for id; do
                        printf 'LoadCredential=%s:/run/nspawn-creds/broker\n' "$id"
                done
        } >"$directory/credentials.conf"
        systemctl daemon-reload
}

# With a policy, the generator would make the unit ask for all its credentials, in any
# order. A case that asks by hand replaces it by one that writes only the broker's own
# drop-in, without which the broker does not see the software TPM.
ask_by_hand() {
        mkdir -p /etc/systemd/system-generators
        cat >/etc/systemd/system-generators/nspawn-creds-generator <<'EOF'
#!/bin/sh
all=$(mktemp -d)
/usr/lib/systemd/system-generators/nspawn-creds-generator "$all"
cp -r "$all/nspawn-creds-broker.service.d" "$1"
rm -r "$all"
EOF
        chmod +x /etc/systemd/system-generators/nspawn-creds-generator
}

# Disables the generator completely, as an administrator might.
mask_generator() {
        mkdir -p /etc/systemd/system-generators
        ln -sf /dev/null /etc/systemd/system-generators/nspawn-creds-generator
}

# Creates a service in the container that copies the credentials it gets, for this test to
# read. systemd has ImportCredential= since 254.
reader_service() { # MACHINE ID...
        local machine=$1 units=/var/lib/machines/$1/etc/systemd/system setting=ImportCredential id
        shift
        (( systemd_version >= 254 )) || setting=LoadCredential
        mkdir -p "$units/multi-user.target.wants"
        {
                printf '[Service]\nType=oneshot\n'
                for id; do
                        printf '%s=%s\n' "$setting" "$id"
                done
                cat <<'EOF'
ExecStart=/bin/sh -c 'mkdir /var/lib/new && cp "$CREDENTIALS_DIRECTORY"/* /var/lib/new/ && \
        cp /proc/self/uid_map /var/lib/new.uid_map && mv /var/lib/new /var/lib/seen'
EOF
        } >"$units/reader.service"
        ln -sf ../reader.service "$units/multi-user.target.wants/reader.service"
        forget "$machine"
}

# Creates a container without a system of its own: it has the host's /usr, and a program
# that does what the service above does. It needs little space, and starts at once.
small_machine() { # MACHINE
        local root=/var/lib/machines/$1 link
        mkdir -p "$root"/{etc,usr,var/lib} /etc/systemd/nspawn
        for link in bin sbin lib lib64; do
                ln -sfn "usr/$link" "$root/$link"
        done
        cp /src/tests/host/small-init "$root/init"
        cat >"/etc/systemd/nspawn/$1.nspawn" <<'EOF'
[Exec]
Boot=no
ProcessTwo=yes
Parameters=/init
[Files]
BindReadOnly=/usr
[Network]
VirtualEthernet=no
EOF
}

# The path of the copy that a container's service makes.
seen() { # MACHINE ID
        printf '/var/lib/machines/%s/var/lib/seen/%s\n' "$1" "$2"
}

forget() { # MACHINE
        rm -rf "/var/lib/machines/$1/var/lib/"{seen,new,new.uid_map}
}

# Starts a container and waits until its service has copied its credentials.
container_reads() { # MACHINE
        forget "$1"
        check "container $1 starts" systemctl start "systemd-nspawn@$1.service"
        check "the service in $1 has read its credentials" \
                wait_until 60 test -d "/var/lib/machines/$1/var/lib/seen"
}

leader() { # MACHINE
        pgrep -o -P "$(systemctl show -P MainPID "systemd-nspawn@$1.service")"
}

inside() { # MACHINE COMMAND...
        local machine=$1
        shift
        nsenter --all --target="$(leader "$machine")" -- "$@"
}

# Whether the container's manager takes orders.
is_up() { # MACHINE
        [[ $(inside "$1" systemctl is-system-running 2>/dev/null) =~ ^(running|degraded)$ ]]
}

container_up() { # MACHINE
        check "container $1 starts" systemctl start "systemd-nspawn@$1.service"
        check "container $1 is up" wait_until 60 is_up "$1"
}

container_stop() { # MACHINE
        systemctl stop "systemd-nspawn@$1.service"
        systemctl reset-failed "systemd-nspawn@$1.service" 2>/dev/null || :
}

# Starts a container, and checks that a credential is refused with this outcome.
container_refused() { # MACHINE ID OUTCOME
        local machine=$1 id=$2 reason=$3 unit=systemd-nspawn@$1.service since
        forget "$machine"
        since=$(journal_now)
        check_fails "container $machine does not start" systemctl start "$unit"
        check_equal "$machine: status=243/CREDENTIALS" 243 "$(systemctl show -P ExecMainStatus "$unit")"
        check_equal "$machine: the unit has failed" failed "$(systemctl show -P ActiveState "$unit")"
        check_fails "$machine: its service saw nothing" test -e "/var/lib/machines/$machine/var/lib/seen"
        check "$machine/$id: the journal says why: $reason" \
                wait_until 60 journal_refusal "$since" "$reason" \
                "MACHINE=$machine" "CREDENTIAL=$id" "UNIT=$unit"
        systemctl reset-failed "$unit"
}

# --- journal -----------------------------------------------------------------

# The present position in the journal. (Not a cursor, because --after-cursor= of 252 skips
# one entry too many if there are matches.)
journal_now() {
        date +@%s.%6N
}

# Whether the broker has refused a request since SINCE, with OUTCOME ("a|b" for either) and
# the given fields, such as MACHINE=web.
journal_refusal() { # SINCE OUTCOME FIELD=VALUE...
        local since=$1 outcome matches=()
        for outcome in ${2//|/ }; do
                matches+=("NSPAWN_CREDS_OUTCOME=$outcome")
        done
        shift 2
        [[ -n $(journalctl --quiet --since="$since" -o cat "_SYSTEMD_UNIT=$broker.service" \
                NSPAWN_CREDS_VERDICT=refused "${matches[@]}" "${@/#/NSPAWN_CREDS_}") ]]
}

# Whether UNIT, or the manager about UNIT, has logged a matching message since SINCE. (Not
# -u: if a unit's process fails before it executes its program, journald can assign its
# messages to the unit only while the process exists. Nor a pipe: grep -q leaves at the first match, and then
# journalctl fails if it had more to write, and with it the pipe.)
journal_says() { # SINCE UNIT REGULAR-EXPRESSION
        grep -Eq -- "$3" < <(journalctl --since="$1" -o cat "_SYSTEMD_UNIT=$2" + "UNIT=$2")
}
