# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# For the tests of the NixOS modules: a nixpkgs, and evaluating with it. Nothing is ever
# built, so Nix's dummy store is enough. After common.bash.

nixos=$top/tests/nixos

# Where nixpkgs is: $NIXPKGS, or <nixpkgs> on Nix's search path.
find_nixpkgs() {
        command -v nix-instantiate >/dev/null || skip 'there is no Nix (Debian: apt-get install nix-bin)'
        [[ -n ${NIXPKGS:-} ]] || NIXPKGS=$(nix-instantiate --find-file nixpkgs 2>/dev/null || :)
        [[ -n $NIXPKGS ]] || skip 'there is no nixpkgs: neither $NIXPKGS nor <nixpkgs>'
        [[ -d $NIXPKGS/nixos/modules ]] || die "no NixOS modules in $NIXPKGS"
        NIXPKGS=$(realpath -- "$NIXPKGS")
        export NIXPKGS NIX_PATH=nixpkgs=$NIXPKGS
        # The store's database and the caches of fetchers go where they are nobody's.
        export NIX_CONFIG=$'build-users-group =\nexperimental-features = nix-command flakes'
        export NIXOS_EXTRA_MODULE_PATH=${NIXOS_EXTRA_MODULE_PATH:-$nixos/older-trees.nix}
}

skip() {
        say "$*"
        exit 77
}

# Evaluates a file to JSON. Its warnings are shown only if it fails.
evaluate() { # FILE [--arg...]
        local file=$1 errors rc=0
        shift
        errors=$(mktemp)
        nix-instantiate --store dummy:// --eval --strict --json --arg nixpkgs "$NIXPKGS" "$@" "$file" \
                2>"$errors" || rc=$?
        (( rc == 0 )) || grep -v '^trace: ' "$errors" >&2 || :
        rm -f -- "$errors"
        return "$rc"
}

# Leaves out of store paths what differs from one nixpkgs to the next: hashes, versions.
mask_store_paths() {
        sed -E 's,/nix/store/[0-9a-z]{32}-([A-Za-z][A-Za-z_-]*[A-Za-z])(-?[0-9][^/":; ]*)?,/nix/store/\1,g'
}
