# SPDX-License-Identifier: LGPL-2.1-or-later
# What the builder of the flake's lib.fleetCheck runs, and its environment.
{
  nixpkgs,
  repository,
  arguments,
}:
let
  check = import ../../nixos/fleet-check.nix (
    {
      pkgs = import nixpkgs { system = "x86_64-linux"; };
      inherit repository;
    }
    // builtins.fromJSON arguments
  );
in
{
  inherit (check) buildCommand settings signers;
}
