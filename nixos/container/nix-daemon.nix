# SPDX-License-Identifier: LGPL-2.1-or-later
# Nix in the container: none, or one of its own. Its store is the one that the host shows it with a
# writable layer on top, which, like everything else in the container, is gone when it stops.
{
  config,
  lib,
  ...
}:
let
  inherit (config.virtualisation.nixos-nspawn-ephemeral.guest) nixDaemon;
  layer = "/nix/.layer";
  registration = "/nix/.host-registration";
in
{
  config = lib.mkMerge [
    { nix.enable = lib.mkDefault nixDaemon; }
    (lib.mkIf nixDaemon {
      # Where the kernel refuses a sandbox in a container, builds go on without.
      nix.settings.sandbox-fallback = lib.mkDefault true;

      systemd.services.nix-store-layer = {
        description = "Writable Layer of the Nix Store";
        requiredBy = [
          "nix-daemon.service"
          "nix-daemon.socket"
        ];
        before = [
          "nix-daemon.service"
          "nix-daemon.socket"
        ];
        unitConfig = {
          DefaultDependencies = false;
          ConditionPathIsReadWrite = "!/nix/store";
        };
        path = [
          config.nix.package
          "/run/current-system/sw"
        ];
        script = ''
          mkdir -p ${layer}/upper ${layer}/work
          chgrp nixbld ${layer}/upper
          chmod 1775 ${layer}/upper
          mount -t overlay -o userxattr,lowerdir=/nix/store,upperdir=${layer}/upper,workdir=${layer}/work overlay /nix/store
          if [ -e ${registration} ]; then
            nix-store --load-db <${registration}
          fi
        '';
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
        };
      };
    })
  ];
}
