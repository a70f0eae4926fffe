# SPDX-License-Identifier: LGPL-2.1-or-later
# What the inside of a container must know about how it is run. The host module sets these options; in
# a system that is built elsewhere, for `path`, the administrator sets them.
{ lib, ... }:
{
  # The options' original path.
  imports =
    map
      (
        name:
        lib.mkAliasOptionModule
          [ "virtualisation" "nixos-nspawn-ephemeral" "guest" name ]
          [ "virtualisation" "nspawn" "guest" name ]
      )
      [
        "hostNetwork"
        "passwordlessConsole"
        "nixDaemon"
      ];

  options.virtualisation.nspawn.guest = {
    hostNetwork = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "Whether the container uses the host's network, as in the host's {option}`network.hostNetwork`.";
    };
    passwordlessConsole = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "Whether root is logged in on the console without a password, as in the host's {option}`passwordlessConsole`.";
    };
    nixDaemon = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "Whether the container has its own Nix daemon, as in the host's {option}`nixDaemon.enable`.";
    };
  };
}
