# SPDX-License-Identifier: LGPL-2.1-or-later
# The module for a host: containers, their network and their credentials, and the credentials of nixpkgs'
# own containers. Containers of both kinds get the module for their inside from here. Options, assertions
# and configuration are in separate files; docs/nixos-options.md is generated from the options.
{ lib, ... }:
let
  # The options' original path.
  alias =
    name:
    lib.mkAliasOptionModule
      [ "virtualisation" "nixos-nspawn-ephemeral" name ]
      [ "virtualisation" "nspawn" name ];
in
{
  imports = [
    (alias "containers")
    (alias "imports")
    ./broker.nix
    ./fleets.nix
    ./host/options.nix
    ./host/assertions.nix
    ./host/containers.nix
    ./host/network.nix
    ./host/store.nix
    ./host/credentials.nix
    ./nixos-containers.nix
  ];
}
