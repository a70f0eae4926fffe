# SPDX-License-Identifier: LGPL-2.1-or-later
# What the inside of a container has to know of how it runs. The host module says so itself; in a
# system that is built elsewhere, for `path`, it is said by hand.
{ lib, ... }:
{
  options.virtualisation.nixos-nspawn-ephemeral.guest = {
    hostNetwork = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "Whether the container uses the host's network, as in the host's {option}`network.hostNetwork`.";
    };
    nixDaemon = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "Whether the container has a Nix daemon of its own, as in the host's {option}`nixDaemon.enable`.";
    };
  };
}
