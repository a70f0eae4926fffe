# SPDX-License-Identifier: LGPL-2.1-or-later
# What Nix would hand to cmake: the sources, copied to its store, and the flags.
{ nixpkgs }:
let
  package =
    ((import nixpkgs { system = "x86_64-linux"; }).extend (import ../../nixos/overlay.nix))
    .nspawn-creds;
in
{
  inherit (package) cmakeFlags doCheck;
  src = "${package.src}";
}
