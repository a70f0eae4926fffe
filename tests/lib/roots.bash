# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What is kept in the cache: for each suite a host system with a container image
# "web" below it, and the programs, built in that system with its own compiler and
# libraries, because a program built for one suite does not run on the next.
#
#   $cache/roots/SUITE-KEY     a host system; never changed once it has that name
#   $cache/build/SUITE-KEY     a CMake build folder of one source tree
#   $cache/hosts/…             scratch space of hosts that run (lib/hosts.bash)
#   $cache/logs/…              of what was made here
#
# After common.bash and packages.bash.

# To be raised when a root is made in another way.
root_version=3

# What a host system has besides systemd.
root_packages=("${program_packages[@]}" tpm2-tools)
# What its container image has besides systemd.
image_packages=()
# Put before SUITE in the names of roots with other packages.
root_variant=''

testhost=$top/tests/host/testhost

short_hash() { # TEXT
        sha256sum <<<"$1" | cut -c 1-12
}

root_of() { # SUITE
        printf '%s/roots/%s-%s\n' "$cache" "$root_variant$1" \
                "$(short_hash "$root_version ${TESTHOST_MIRROR:-} ${root_packages[*]}${image_packages[*]/#/ +}")"
}

build_of() { # SUITE
        printf '%s/build/%s-%s\n' "$cache" "$1" "$(short_hash "$top")"
}

# Makes the host system of SUITE unless there is one. It gets its name only when it
# is whole, so that a build that was killed leaves nothing that is ever used.
make_root() { # SUITE
        local suite=$1 root new lock old
        root=$(root_of "$suite")
        new=$cache/roots/.new-$root_variant$suite
        mkdir -p -- "$cache/roots"
        exec {lock}>"$cache/roots/.lock-$root_variant$suite"
        flock "$lock"
        if [[ ! -d $root ]]; then
                rm -rf --one-file-system -- "$new"
                "$testhost" build "$suite" "$new" "$(IFS=,; printf '%s' "${root_packages[*]}")"
                printf '%s\n' "$suite" >"$new/etc/hostname"
                "$testhost" container "$new" web "$suite" "$(IFS=,; printf '%s' "${image_packages[*]}")"
                mv -T -- "$new" "$root"
        fi
        for old in "$cache/roots/$root_variant$suite"-*; do
                [[ $old == "$root" ]] || remove_unused "$old"
        done
        exec {lock}>&-
}

# A root is in use while somebody holds a lock on it (host_start does).
remove_unused() { # DIR
        flock -n -x "$1" true || return 0
        rm -rf --one-file-system -- "$1"
}

# Builds the programs of this source tree in a host of SUITE.
make_programs() { # SUITE
        local suite=$1 build pid rc=0
        build=$(build_of "$suite")
        mkdir -p -- "$build"
        find "$cache/build" -mindepth 1 -maxdepth 1 -mtime +14 -not -path "$build" -exec rm -rf {} +
        touch -- "$build"
        pid=$("$testhost" boot --volatile --bind-ro "$top:/src" --bind "$build:/build" \
                "$(root_of "$suite")")
        # shellcheck disable=SC2064 # this host, now
        trap "'$testhost' stop $pid" EXIT
        "$testhost" run "$pid" /bin/bash /src/tests/host/build || rc=$?
        trap - EXIT
        "$testhost" stop "$pid"
        return "$rc"
}
