# SPDX-License-Identifier: LGPL-2.1-or-later
# A system that was built elsewhere, by its store path and through a profile.
{ pkgs, ... }:
let
  system =
    hostName:
    (import (pkgs.path + "/nixos/lib/eval-config.nix") {
      system = null;
      modules = [
        ../container.nix
        (
          { config, ... }:
          {
            networking = { inherit hostName; };
            nixpkgs.hostPlatform = pkgs.stdenv.hostPlatform;
            system.stateVersion = config.system.nixos.release;
          }
        )
      ];
    }).config.system.build.toplevel;
in
{
  nodes.host = {
    system.extraDependencies = [ (system "profile") ];
    virtualisation.nspawn.containers = {
      direct.path = system "direct";
      profile = {
        path = "/nix/var/nix/profiles/my-container";
        autoStart = false;
      };
    };
  };

  testScript = ''
    host.wait_for_unit("systemd-nspawn@direct.service")
    host.wait_until_succeeds("machinectl shell direct /run/current-system/sw/bin/hostname | grep direct")
    host.succeed("ln -s ${system "profile"} /nix/var/nix/profiles/my-container")
    host.succeed("systemctl start systemd-nspawn@profile.service")
    host.wait_until_succeeds("machinectl shell profile /run/current-system/sw/bin/hostname | grep profile")
  '';
}
