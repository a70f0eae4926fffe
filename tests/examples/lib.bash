# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# For the tests of the examples: the commands of a README, and what happens in the containers. Runs in a
# host, in the directory of the example.

# shellcheck source=tests/host/lib.bash
. /src/tests/host/lib.bash

example=${0##*/}
cd "/src/examples/$example"

# The commands in a section, one a line. A container's mmdebstrap has been run before, see run.
commands_in() { # README SECTION
        sed -n "/^## $2\$/,/^## /{ s/^    //p }" "$1" | sed -e ':a' -e '/\\$/{ N; s/\\\n *//; ba }' | grep -v '^mmdebstrap '
}

# Runs them; each has to succeed.
follow() { # SECTION
        local commands command
        mapfile -t commands < <(commands_in README.md "$1")
        (( ${#commands[@]} > 0 )) || fail "the README has no commands in '$1'"
        for command in "${commands[@]}"; do
                check "$command" bash -c "$command" </dev/null
        done
}

inside() { # MACHINE COMMAND...
        local leader
        leader=$(machinectl show --property=Leader --value "$1") || return
        nsenter --all --target="$leader" -- "${@:2}"
}

is_active() { # MACHINE UNIT
        inside "$1" systemctl --quiet is-active "$2" 2>/dev/null
}

has_failed() { # MACHINE UNIT
        inside "$1" systemctl --quiet is-failed "$2" 2>/dev/null
}

assertion_failed() { # MACHINE UNIT
        [[ $(inside "$1" systemctl show --property=AssertResult,AssertTimestampMonotonic "$2" 2>/dev/null) =~ \
                AssertResult=no.AssertTimestampMonotonic=[1-9] ]] && ! is_active "$1" "$2"
}

# A machine that may not have its credential does not start. (A test breaks the sealed file for that.)
check_no_start() { # MACHINE
        check_fails "container $1 does not start" systemctl start "systemd-nspawn@$1.service"
        check_equal 'because of its credentials' 243 "$(systemctl show -P ExecMainStatus "systemd-nspawn@$1.service")"
        systemctl reset-failed "systemd-nspawn@$1.service"
}

# The host as examples/README.md prepares it, without what it installs.
mapfile -t < <(sed -n 's/^    //p' ../README.md | grep -v '^apt-get ')
for command in "${MAPFILE[@]}"; do
        check "$command" bash -c "$command" </dev/null
done
