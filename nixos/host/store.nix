# SPDX-License-Identifier: LGPL-2.1-or-later
# What containers see of the host's Nix store. A bind mount for each path of a closure would be a
# mount unit for each in the container; store-view makes one mount of them all.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  common = import ../lib.nix { inherit lib; };
  containers = common.named config.virtualisation.nixos-nspawn-ephemeral.containers;

  withClosure = lib.filterAttrs (_: c: c.store == "closure") containers;
  folder = name: "/run/nixos-nspawn-ephemeral/${name}/store";
  serviceOf = name: "nixos-nspawn-store-${name}";

  # Of a system that was built elsewhere, the paths are known when it starts.
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
    # It lives as long as the container, and is not to be changed below it.
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

  source = name: container: if container.store == "closure" then "${folder name}/view/closure" else "/nix/store";

  # The container's Nix has to know what it has already.
  registration = container: lib.optional container.nixDaemon.enable "${closure container}/registration:/nix/.host-registration";
in
{
  config = lib.mkIf (containers != { }) {
    systemd.nspawn = lib.mapAttrs (name: container: {
      filesConfig.BindReadOnly = lib.mkBefore ([ "${source name container}:/nix/store" ] ++ registration container);
    }) containers;

    boot.kernelModules = lib.mkIf (withClosure != { }) [ "overlay" ];

    systemd.services =
      lib.mapAttrs' (name: container: lib.nameValuePair (serviceOf name) (view name container)) withClosure
      // lib.mapAttrs' (
        name: _:
        lib.nameValuePair "systemd-nspawn@${name}" {
          requires = [ "${serviceOf name}.service" ];
          after = [ "${serviceOf name}.service" ];
        }
      ) withClosure;
  };
}
