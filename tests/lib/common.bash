# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Shared by the test programs: paths, messages, and progress of slow steps. Source it after
# `set -euo pipefail`.

# The source tree, and the cache between runs.
top=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
cache=${NSPAWN_CREDS_CACHE:-/var/cache/nspawn-creds-tests}

# The Debian suites with their versions of systemd: 252, 257 and 262.
all_suites=(bookworm trixie forky)

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# --help prints the comment at the top of a program that has no usage() of its own.
if [[ ${1:-} =~ ^(--help|-h)$ ]] && ! grep -q '^usage()' "$0"; then
        sed -n '4,/^$/s/^# \{0,1\}//p' "$0"
        exit 0
fi

need_root() {
        (( EUID == 0 )) || die "must run as root: sudo $0 $*"
}

check_suite() { # SUITE
        local suite
        for suite in "${all_suites[@]}"; do
                [[ $suite != "$1" ]] || return 0
        done
        die "unknown suite '$1'; known are: ${all_suites[*]}"
}

# Prints what is happening and for how long: on a terminal in one line that counts the
# seconds, elsewhere a line every 15 seconds. Ends when it is killed or the program exits.
tick() { # WORDS
        local past=0
        while kill -0 $$ 2>/dev/null; do
                if [[ -t 1 ]]; then
                        printf '\r%s … %d s ' "$1" "$past"
                elif (( past == 1 )); then
                        say "$1 …"
                elif (( past > 0 && past % 15 == 0 )); then
                        say "$1 … not done after $past s"
                fi
                sleep 1
                past=$(( past + 1 ))
        done
}

# Runs a command with its output in LOG, and prints WORDS and the time. If the command
# fails, prints the end of the log, and the whole program fails. Do not call it as a
# condition.
progress() { # WORDS LOG COMMAND...
        local words=$1 log=$2 start=$SECONDS ticker rc=0
        shift 2
        tick "$words" &
        ticker=$!
        set +e
        ( set -e; "$@" ) >"$log" 2>&1
        rc=$?
        set -e
        kill "$ticker" 2>/dev/null || :
        wait "$ticker" 2>/dev/null || :
        [[ ! -t 1 ]] || printf '\r'
        if (( rc != 0 )); then
                say "$words: failed after $(( SECONDS - start )) s. The end of $log:"
                tail -n 25 -- "$log" | sed 's/^/    /'
                exit 1
        fi
        say "$words: done, $(( SECONDS - start )) s"
}
