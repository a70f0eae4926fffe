# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The Debian packages that the tests need, on the machine they run on and in its test hosts.

# What builds the programs and their unit tests, and what those run with.
program_packages=(cmake ninja-build gcc libc6-dev pkg-config libsystemd-dev libsodium-dev
        libtss2-dev libjson-c-dev libssl-dev libbsd-dev libcurl4-openssl-dev libcmocka-dev swtpm)
# What else the checks of the source tree, and unit tests on this machine, need.
check_packages=(clang-format clang-tidy shellcheck openssh-client age zsh fish scdoc groff-base mandoc mkdocs
        git gpg gpg-agent jq openssl swtpm-tools tpm2-tools)
# What evaluates the NixOS modules.
nixos_packages=(nix-bin jq)
# Carriers of a fleet, and the certificates for them.
courier_packages=(nginx-light etcd-server etcd-client openssl python3 strace)
# What draws the pictures of the documentation.
picture_packages=(graphviz gnuplot-nox fontconfig fonts-dejavu-core python3-rich)
# What makes and boots systemd hosts.
host_packages=(mmdebstrap debian-archive-keyring util-linux mount)

# Prints those of the packages that are not installed.
missing_packages() { # PACKAGE...
        command -v dpkg-query >/dev/null || die "the tests need Debian's package manager"
        local package
        for package in "$@"; do
                [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
                        printf '%s\n' "$package"
        done
}

apt() {
        DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

# The lists may be missing, or older than what the mirror still has: then the first
# try fails. A list of somebody else's that cannot be fetched is no reason to give
# up, so the second try alone decides.
apt_install() { # PACKAGE...
        apt install -y --no-install-recommends "$@" && return
        apt update || :
        apt install -y --no-install-recommends "$@"
}

install_packages() { # PACKAGE...
        local missing
        mapfile -t missing < <(missing_packages "$@")
        (( ${#missing[@]} > 0 )) || return 0
        mkdir -p -- "$cache/logs"
        progress "Installing Debian packages: ${missing[*]}" "$cache/logs/packages.log" \
                apt_install "${missing[@]}"
}
