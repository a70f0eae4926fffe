# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# For the tests of the command line: checks of what $program does.

checks=0

fail() {
        printf 'FAILED: %s\n' "$*" >&2
        [[ ! -s err ]] || sed 's/^/    /' err >&2
        exit 1
}

# try STATUS TEXT ARGUMENT... - runs the program with "hunter2" as its input; the exit status must be
# STATUS, and TEXT must stand in what it says on standard error ("" for nothing at all).
try() {
        local status=$1 text=$2 rc=0
        shift 2
        "$program" "$@" >out 2>err < <(printf hunter2) || rc=$?
        [[ $rc == "$status" ]] || fail "$*: exit status $rc, not $status"
        if [[ -z $text ]]; then
                [[ ! -s err ]] || fail "$*: said something"
        else
                grep -qF -- "$text" err || fail "$*: did not say '$text'"
        fi
        checks=$((checks + 1))
}

same() { # WORDS EXPECTED ACTUAL
        [[ $2 == "$3" ]] || fail "$1: '$3' instead of '$2'"
        checks=$((checks + 1))
}

# script(1) makes a terminal, on which nothing is typed.
on_terminal() { # COMMAND
        script -qec "$1" /dev/null </dev/null 2>&1 | tr -d '\r'
}

# Prints each ANSWER when the file "asked", a terminal's output, ends with another prompt, which is a space.
type_when_asked() { # ANSWER...
        local answer size seen=0 i
        for answer; do
                for (( i = 0; i < 5000; i++ )); do
                        size=$(stat -c %s asked)
                        (( size == seen )) || [[ $(tail -c 1 asked) != ' ' ]] || break
                        sleep 0.02
                done
                seen=$size
                printf '%s\n' "$answer"
        done
}

# Runs COMMAND on a terminal, on which its prompts get the ANSWERs. Its output is in the file "asked".
answer() { # COMMAND ANSWER...
        local command=$1
        shift
        : >asked
        type_when_asked "$@" | timeout 600 script -qec "$command" /dev/null >asked
}
