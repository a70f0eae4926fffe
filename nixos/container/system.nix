# SPDX-License-Identifier: LGPL-2.1-or-later
# A NixOS that runs in systemd-nspawn, with its own user ids and a root directory that is empty
# at each start.
{
  config,
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
  canSkip = (options.boot.specialFileSystems.type.getSubOptions [ ]) ? enable;
  # Newer trees also support containers other than nspawn's.
  nspawn = lib.optionalAttrs (options.boot ? isNspawnContainer) { isNspawnContainer = true; };

  # The PAM rules of all these take a third of a container's evaluation. Without its rules a program
  # refuses everybody, root as well.
  screenLockers = [
    "i3lock"
    "i3lock-color"
    "vlock"
    "xlock"
    "xscreensaver"
  ];
  userCommands = [
    "chfn"
    "chpasswd"
    "chsh"
    "groupadd"
    "groupdel"
    "groupmems"
    "groupmod"
    "passwd"
    "useradd"
    "userdel"
    "usermod"
  ];
  pamRules =
    enable: names:
    lib.genAttrs (map (name: "pam.d/${name}") names) (_: {
      enable = mkDefault enable;
    });
in
{
  config = {
    boot = nspawn // {
      isContainer = true;
      specialFileSystems = lib.mkIf canSkip (
        lib.genAttrs mounted (_: {
          enable = false;
        })
      );
    };

    # For `machinectl login`. `machinectl shell` needs neither a console nor a password, so that an
    # administrator can always get in.
    console.enable = true;
    services.getty.autologinUser = lib.mkIf config.virtualisation.nspawn.guest.passwordlessConsole (
      mkDefault "root"
    );
    users.allowNoPasswordLogin = mkDefault true;

    # Changes to users would be lost when the container stops.
    users.mutableUsers = mkDefault false;
    environment.etc = pamRules false screenLockers // pamRules config.users.mutableUsers userCommands;

    # Files of the store belong to nobody in here, but logrotate requires that its own belong to root.
    services.logrotate.enable = mkDefault false;

    # Only the host can change the configuration of the container, so that its manual, which describes all
    # options, would be evaluated for nobody.
    system.disableInstallerTools = mkDefault true;
    documentation.nixos.enable = mkDefault false;
  };
}
