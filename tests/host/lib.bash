# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# For the test cases in cases/, which run inside a booted host: checks, and the few
# things that every case does with containers, credentials and the journal.
#
# A case fails at its first check that does not hold. It ends with `finish`; one that
# ends in any other way, or that checked nothing, has failed, whatever its status.

set -euo pipefail

device=swtpm:path=/run/swtpm/tpm
store=/var/lib/nspawn-creds/store
broker=nspawn-creds-broker
scratch=$(mktemp -d)
systemd_version=$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')

# --- checks ------------------------------------------------------------------

checks=0
finished=no

at_exit() {
        local rc=$?
        rm -rf -- "$scratch"
        if [[ $finished == no ]]; then
                printf 'NOT FINISHED: %s ended after %d checks with status %d\n' "$0" "$checks" "$rc" >&2
                exit 1
        fi
}
trap at_exit EXIT

finish() {
        (( checks > 0 )) || fail 'nothing was checked'
        finished=yes
        printf '%d checks held\n' "$checks"
        exit 0
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

wait_until() { # SECONDS COMMAND...
        local end=$(( SECONDS + $1 ))
        shift
        until "$@"; do
                (( SECONDS < end )) || return 1
                sleep 0.02
        done
}

# --- credentials -------------------------------------------------------------

seal() { # MACHINE ID FILE [OPTION...]
        local machine=$1 id=$2 file=$3
        shift 3
        nspawn-creds set --no-ask --store=/var/lib/nspawn-creds/store --with-key=host \
                --tpm2-device="$device" "$@" "$machine@$id" - <"$file" 2>/dev/null
}

# The broker knows a TPM's key for some seconds after it was unsealed: what is wrong with
# the TPM shows when it has to ask.
forget_keys() { systemctl restart "$broker.service"; }

# --- containers --------------------------------------------------------------

# What the administrator writes: which credentials a container gets from the broker.
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

# The generator would have the units of machines with policies ask for all that is in
# them, in whatever order. Where a case asks by hand, it only writes the broker's own
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

# As an administrator does who wants none of it.
mask_generator() {
        mkdir -p /etc/systemd/system-generators
        ln -sf /dev/null /etc/systemd/system-generators/nspawn-creds-generator
}

# What the container's service says it wants, and what it does: it keeps what it was
# given, for this test to see. From 254 on systemd has ImportCredential=.
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

# A container without a system of its own: it has the host's /usr, and a program that
# does what the service above does. It takes next to no room, and starts at once.
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

# What the service of a container kept, or would have kept.
seen() { # MACHINE ID
        printf '/var/lib/machines/%s/var/lib/seen/%s\n' "$1" "$2"
}

forget() { # MACHINE
        rm -rf "/var/lib/machines/$1/var/lib/"{seen,new,new.uid_map}
}

# Starts a container and waits until its service has read what it was given.
container_reads() { # MACHINE
        forget "$1"
        check "container $1 starts" systemctl start "systemd-nspawn@$1.service"
        check "the service in $1 has read its credentials" \
                wait_until 30 test -d "/var/lib/machines/$1/var/lib/seen"
}

container_stop() { # MACHINE
        systemctl stop "systemd-nspawn@$1.service"
        systemctl reset-failed "systemd-nspawn@$1.service" 2>/dev/null || :
}

# Starts a container that is to be refused a credential with this outcome.
container_refused() { # MACHINE ID OUTCOME
        local machine=$1 id=$2 reason=$3 unit=systemd-nspawn@$1.service since
        forget "$machine"
        since=$(journal_now)
        check_fails "container $machine does not start" systemctl start "$unit"
        check_equal "$machine: status=243/CREDENTIALS" 243 "$(systemctl show -P ExecMainStatus "$unit")"
        check_equal "$machine: the unit has failed" failed "$(systemctl show -P ActiveState "$unit")"
        check_fails "$machine: its service saw nothing" test -e "/var/lib/machines/$machine/var/lib/seen"
        check "$machine/$id: the journal says why: $reason" \
                wait_until 5 journal_refusal "$since" "$reason" \
                "MACHINE=$machine" "CREDENTIAL=$id" "UNIT=$unit"
        systemctl reset-failed "$unit"
}

# --- journal -----------------------------------------------------------------

# A place in the journal. (A cursor would not do: --after-cursor= of 252 skips one
# entry too many where matches are given.)
journal_now() {
        date +@%s.%6N
}

# Whether the broker refused since SINCE, with OUTCOME ("a|b": one of them), and with
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

# Whether UNIT said something like this since SINCE, or the manager of it. (Not -u: what
# the manager's process for a unit says that it does not come to execute, journald can
# only tell to be the unit's while that process is there.)
journal_says() { # SINCE UNIT REGULAR-EXPRESSION
        journalctl --since="$1" -o cat "_SYSTEMD_UNIT=$2" + "UNIT=$2" | grep -Eq -- "$3"
}
