# SPDX-License-Identifier: LGPL-2.1-or-later
# The module for a host: containers, their network and their credentials. Options, assertions and
# configuration are in separate files; docs/nixos-options.md is generated from the options.
{ lib, ... }:
let
  # A shorter path to the same options.
  alias =
    name:
    lib.mkAliasOptionModule
      [ "virtualisation" "nspawn" name ]
      [ "virtualisation" "nixos-nspawn-ephemeral" name ];
in
{
  imports = [
    (alias "containers")
    (alias "imports")
    ./broker.nix
    ./host/options.nix
    ./host/assertions.nix
    ./host/containers.nix
    ./host/network.nix
    ./host/store.nix
    ./host/credentials.nix
  ];
}
