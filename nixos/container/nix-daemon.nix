# SPDX-License-Identifier: LGPL-2.1-or-later
# Nix in the container: none, or a separate one. Its store is the part of the host's store that it sees,
# with a writable layer on top, which is lost when the container stops.
{
  config,
  lib,
  ...
}:
let
  inherit (config.virtualisation.nspawn.guest) nixDaemon;
  layer = "/nix/.layer";
  registration = "/nix/.host-registration";
in
{
  config = lib.mkMerge [
    { nix.enable = lib.mkDefault nixDaemon; }
    (lib.mkIf nixDaemon {
      # If the kernel refuses a sandbox in a container, builds run without it.
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
