# SPDX-License-Identifier: LGPL-2.1-or-later
# Containers as systemd sees them: a .nspawn file, a drop-in for the instance of systemd's own
# systemd-nspawn@.service, and a directory that says there is such a machine.
{
  config,
  lib,
  ...
}:
let
  inherit (lib)
    mapAttrs
    mapAttrs'
    mkIf
    nameValuePair
    ;
  common = import ../lib.nix { inherit lib; };
  containers = common.named config.virtualisation.nixos-nspawn-ephemeral.containers;

  machineId = common.machineId config.networking.hostName;

  # A colon separates the fields of a bind, in nspawn's own syntax.
  bindLine =
    target: bind:
    let
      escape = lib.replaceStrings [ "\\" ":" ] [ "\\\\" "\\:" ];
      source = if bind.hostPath == null then target else bind.hostPath;
      options = lib.optionalString (bind.options != [ ]) ":${lib.concatStringsSep "," bind.options}";
    in
    "${escape source}:${escape target}${options}";

  bindLines =
    readOnly: binds: lib.mapAttrsToList bindLine (lib.filterAttrs (_: b: b.readOnly == readOnly) binds);

  journal = name: "/var/log/journal/${machineId name}";

  # systemd links no journal of an ephemeral container to the host, so its directory is bound.
  journalBind = name: container: lib.optional container.linkJournal "${journal name}:${journal name}:idmap";

  nspawn = name: container: {
    execConfig = {
      # NixOS has its own init, below the store. It is PID 1 all the same, and shuts down by
      # the signal that "Boot=yes" would have chosen.
      Boot = false;
      Parameters = "${container.path}/init";
      KillSignal = "SIGRTMIN+3";
      Ephemeral = true;
      PrivateUsers = "pick";
      MachineID = machineId name;
      # The container's configuration says both.
      Timezone = "off";
      ResolvConf = if container.network.hostNetwork then "copy-host" else "off";
      LinkJournal = "no";
    };
    filesConfig = {
      # Directories that nspawn made stay the host's; only the copy that runs changes owner.
      PrivateUsersOwnership = "auto";
      Bind = bindLines false container.binds ++ journalBind name container;
      BindReadOnly = bindLines true container.binds;
    };
  };

  limits =
    container:
    lib.filterAttrs (_: value: value != null) {
      CPUQuota = container.limits.cpuQuota;
      CPUWeight = container.limits.cpuWeight;
      MemoryHigh = container.limits.memoryHigh;
      MemoryMax = container.limits.memoryMax;
      TasksMax = container.limits.tasksMax;
    };

  unit = name: container: {
    overrideStrategy = "asDropin";
    inherit (container) restartIfChanged;
    restartTriggers = [
      container.path
      (builtins.toJSON config.systemd.nspawn.${name}.execConfig)
      (builtins.toJSON config.systemd.nspawn.${name}.filesConfig)
      (builtins.toJSON config.systemd.nspawn.${name}.networkConfig)
    ];
    serviceConfig = limits container;
  };
in
{
  config = mkIf (containers != { }) {
    systemd.nspawn = mapAttrs nspawn containers;

    systemd.services =
      mapAttrs' (name: container: nameValuePair "systemd-nspawn@${name}" (unit name container)) containers
      // {
        # A container that is no longer in the configuration is stopped by a switch and then not
        # started again: it has neither settings nor, as an ephemeral one, any files. Machines that
        # an administrator keeps by hand have files.
        "systemd-nspawn@".unitConfig = {
          ConditionPathExists = [
            "|/etc/systemd/nspawn/%i.nspawn"
            "|/var/lib/machines/%i.raw"
          ];
          ConditionDirectoryNotEmpty = "|/var/lib/machines/%i";
        };
      };

    systemd.targets.machines.wants = map common.unitOf (
      builtins.attrNames (lib.filterAttrs (_: c: c.autoStart) containers)
    );

    # nspawn wants a directory of the machine's name. Owner and mode are for a new one only: the
    # owner of one that is there is the user id range that nspawn chose for it.
    systemd.tmpfiles.settings."10-nixos-nspawn-ephemeral" = lib.mkMerge (
      lib.mapAttrsToList (
        name: container:
        {
          "/var/lib/machines".d.mode = "0700";
          "/var/lib/machines/${name}".d = {
            mode = ":0755";
            user = ":root";
            group = ":root";
          };
        }
        // lib.optionalAttrs container.linkJournal {
          ${journal name}.d = {
            mode = "2755";
            group = "systemd-journal";
          };
        }
      ) containers
    );
  };
}
