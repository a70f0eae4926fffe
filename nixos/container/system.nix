# SPDX-License-Identifier: LGPL-2.1-or-later
# A NixOS that runs in systemd-nspawn, with its own user ids and a root directory that is empty
# at each start.
{
  lib,
  options,
  ...
}:
let
  inherit (lib) mkDefault;

  # nspawn has mounted these, and in a user namespace they cannot be mounted again. Older trees lack
  # this option, and mount only what is missing.
  mounted = [
    "/dev"
    "/dev/pts"
    "/dev/shm"
    "/proc"
    "/run"
  ];
  canSkip = options.boot.specialFileSystems.type.getSubOptions [ ] ? enable;
  # Newer trees also support containers other than nspawn's.
  nspawn = lib.optionalAttrs (options.boot ? isNspawnContainer) { isNspawnContainer = true; };
in
{
  config = {
    boot = nspawn // {
      isContainer = true;
      specialFileSystems = lib.mkIf canSkip (lib.genAttrs mounted (_: { enable = false; }));
    };

    # For `machinectl login`. `machinectl shell` needs neither a console nor a password, so that an
    # administrator can always get in.
    console.enable = true;
    users.allowNoPasswordLogin = mkDefault true;

    # Files of the store belong to nobody in here, but logrotate requires that its own belong to root.
    services.logrotate.enable = mkDefault false;

    # Only the host can change the configuration of the container.
    system.disableInstallerTools = mkDefault true;
  };
}
