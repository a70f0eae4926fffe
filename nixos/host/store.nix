# SPDX-License-Identifier: LGPL-2.1-or-later
# Which part of the host's Nix store containers see. One bind mount per path of a closure would make
# one mount unit each in the container; store-view makes a single mount.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  common = import ../lib.nix { inherit lib; };
  containers = common.named config.virtualisation.nspawn.containers;

  withClosure = lib.filterAttrs (_: c: c.store == "closure") containers;
  folder = name: "/run/nixos-nspawn-ephemeral/${name}/store";
  serviceOf = name: "nixos-nspawn-store-${name}";

  # The paths of a system that was built elsewhere are known only when it starts.
  isLink = container: container.given.path && !lib.isStorePath container.path;
  closure = container: pkgs.closureInfo { rootPaths = [ container.path ]; };
  paths =
    container:
    if isLink container then
      ''${config.nix.package}/bin/nix-store --query --requisites "$(readlink -f ${lib.escapeShellArg container.path})"''
    else
      "cat ${closure container}/store-paths";

  storeView = "${pkgs.bash}/bin/bash ${./store-view}";

  view = name: container: {
    description = "Nix Store of Container ${name}";
    path = [
      pkgs.attr
      pkgs.coreutils
      pkgs.gnused
      pkgs.util-linux
    ];
    # The mount must live as long as the container, and must not change while it runs.
    unitConfig.StopWhenUnneeded = true;
    restartIfChanged = false;
    script = ''
      set -o pipefail
      ${paths container} | ${storeView} mount ${folder name}
    '';
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
      ExecStop = "${storeView} umount ${folder name}";
    };
  };

  source =
    name: container:
    if container.store == "closure" then "${folder name}/view/closure" else "/nix/store";

  # Tells the container's Nix which paths already exist.
  registration =
    container:
    lib.optional container.nixDaemon.enable "${closure container}/registration:/nix/.host-registration";
in
{
  config = lib.mkIf (containers != { }) {
    systemd.nspawn = lib.mapAttrs (name: container: {
      filesConfig.BindReadOnly = lib.mkBefore (
        [ "${source name container}:/nix/store" ] ++ registration container
      );
    }) containers;

    boot.kernelModules = lib.mkIf (withClosure != { }) [ "overlay" ];

    systemd.services =
      lib.mapAttrs' (
        name: container: lib.nameValuePair (serviceOf name) (view name container)
      ) withClosure
      // lib.mapAttrs' (
        name: _:
        lib.nameValuePair "systemd-nspawn@${name}" {
          requires = [ "${serviceOf name}.service" ];
          after = [ "${serviceOf name}.service" ];
        }
      ) withClosure;
  };
}
