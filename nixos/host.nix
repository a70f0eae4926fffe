# SPDX-License-Identifier: LGPL-2.1-or-later
# The module for a host: containers, their network and their credentials. Options, assertions and
# configuration are in separate files; docs/nixos-options.md is generated from the options.
{
  imports = [
    ./broker.nix
    ./host/options.nix
    ./host/assertions.nix
    ./host/containers.nix
    ./host/network.nix
    ./host/store.nix
    ./host/credentials.nix
  ];
}
