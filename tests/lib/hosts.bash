# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Throw-away systemd hosts with containers and the installed programs. They disappear
# without a trace when the program that started them exits. Source it after common.bash
# and roots.bash.

# The current host; and those before it, see host_next.
host_pid=''
host_scratch=''
host_lock=''
host_pids=()
host_scratches=()

# Boots a host of SUITE with a fresh copy of the container image for each MACHINE;
# BIND are further options of `testhost boot`. Sets host_pid and host_scratch (unless there
# is one already).
host_start() { # SUITE "MACHINE..." [BIND...]
        local suite=$1 root machine machines=()
        for machine in $2; do
                machines+=(--machine "web:$machine")
        done
        shift 2
        root=$(root_of "$suite")
        trap host_stop EXIT
        trap 'exit 130' INT
        trap 'exit 143' TERM
        [[ -n $host_scratch ]] || host_scratch_new "$suite"
        # The host must not inherit the locks, which say that this program is alive.
        host_pid=$(flock -s "$root" "$testhost" boot --volatile --log "$host_scratch/boot.log" \
                --bind-ro "$top:/src" --bind-ro "$(build_of "$suite"):/build" \
                ${machines[@]+"${machines[@]}"} "$@" "$root" {host_lock}<&-)
        printf '%s\n' "$host_pid" >"$host_scratch/pid"
}

# Leaves the current host running, so that host_start boots another one. host_use NUMBER, from 0, makes it
# current again.
host_next() {
        host_pids+=("$host_pid")
        host_scratches+=("$host_scratch")
        host_pid='' host_scratch=''
}

host_use() { # NUMBER
        host_pid=${host_pids[$1]}
}

# A folder that is ours for as long as we hold its lock.
host_scratch_new() { # PREFIX
        local lock
        mkdir -p -- "$cache/hosts"
        exec {lock}>"$cache/hosts/.lock"
        flock "$lock"
        reap_hosts
        host_scratch=$(mktemp -d "$cache/hosts/$1-XXXXXX")
        exec {host_lock}<"$host_scratch"
        flock -s "$host_lock"
        exec {lock}>&-
}

in_host() { # COMMAND...
        "$testhost" run "$host_pid" "$@"
}

host_stop() {
        local pid scratch
        trap '' INT TERM
        # after host_use, the current one is there twice
        [[ " ${host_pids[*]} " == *" $host_pid "* ]] || host_pids+=("$host_pid")
        for pid in "${host_pids[@]}"; do
                [[ -z $pid ]] || "$testhost" stop "$pid" || :
        done
        for scratch in "${host_scratches[@]}" "$host_scratch"; do
                [[ -z $scratch ]] || rm -rf --one-file-system -- "$scratch"
        done
        host_pid='' host_scratch='' host_pids=() host_scratches=()
        trap - INT TERM
}

# Removes what programs left behind that were killed outright.
reap_hosts() {
        local scratch pid
        for scratch in "$cache"/hosts/*/; do
                [[ -d $scratch ]] && flock -n -x "$scratch" true || continue
                pid=$(cat "$scratch/pid" 2>/dev/null || :)
                [[ -z $pid ]] || "$testhost" stop "$pid" 2>/dev/null || :
                rm -rf --one-file-system -- "$scratch"
        done
}
