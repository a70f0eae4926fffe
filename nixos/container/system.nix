# SPDX-License-Identifier: LGPL-2.1-or-later
# A NixOS that runs in systemd-nspawn, with user ids of its own and a root directory that is empty
# at each start.
{
  lib,
  options,
  ...
}:
let
  inherit (lib) mkDefault;

  # nspawn has mounted these; in a user namespace nobody may do so again. Older trees have no way
  # to say so, and only mount what is not there.
  mounted = [
    "/dev"
    "/dev/pts"
    "/dev/shm"
    "/proc"
    "/run"
  ];
  canSkip = options.boot.specialFileSystems.type.getSubOptions [ ] ? enable;
  # Newer ones know of containers that are no nspawn's, too.
  nspawn = lib.optionalAttrs (options.boot ? isNspawnContainer) { isNspawnContainer = true; };
in
{
  config = {
    boot = nspawn // {
      isContainer = true;
      specialFileSystems = lib.mkIf canSkip (lib.genAttrs mounted (_: { enable = false; }));
    };

    # For `machinectl login`; `machinectl shell` needs neither a console nor a password, so nobody is
    # locked out without one.
    console.enable = true;
    users.allowNoPasswordLogin = mkDefault true;

    # The files of the store belong to nobody in here, and logrotate wants its own to be root's.
    services.logrotate.enable = mkDefault false;

    # Only the host can change what the container is.
    system.disableInstallerTools = mkDefault true;
  };
}
