# SPDX-License-Identifier: LGPL-2.1-or-later
# Containers for systemd: a .nspawn file, a drop-in for the instance of systemd's own
# systemd-nspawn@.service, and a directory for the machine.
{
  config,
  lib,
  pkgs,
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
  containers = common.named config.virtualisation.nspawn.containers;

  machineId = common.machineId config.networking.hostName;

  # In nspawn's syntax a colon separates the fields of a bind.
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
  withJournal = lib.filterAttrs (_: c: c.linkJournal) containers;

  # systemd does not link the journal of an ephemeral container to the host, so bind its directory.
  journalBind =
    name: container:
    lib.optional container.linkJournal "${journals}/${machineId name}:${journal name}:idmap";

  # A link to the directory that can be bound, which this service makes. /run is a tmpfs, which supports
  # id-mapped mounts, and `journalctl --merge` reads both.
  journals = "/run/nixos-nspawn-journal/link";
  journalService = {
    description = "Directory for the Journals of Containers";
    path = [ pkgs.util-linux ];
    unitConfig.RequiresMountsFor = [ "/var/log/journal" ];
    script = ''
      cd "$RUNTIME_DIRECTORY"
      journal=/var/log/journal
      mkdir try
      if ! mount --bind -o X-mount.idmap=b:0:65536:65536 "$journal" try; then
        echo "<4>The file system of $journal does not support id-mapped mounts: until the next boot, journals of containers are in /run/log/journal, then they are lost."
        journal=/run/log/journal
        for id in ${lib.concatMapStringsSep " " machineId (builtins.attrNames withJournal)}; do
          install -d -m 2755 -g systemd-journal "$journal/$id"
        done
      fi
      ln -s "$journal" ${baseNameOf journals}
    '';
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
      RuntimeDirectory = "nixos-nspawn-journal";
      # The mount is only a try.
      PrivateMounts = true;
    };
  };

  # In nspawn's syntax, sources that are not absolute are not the host's.
  hostPaths =
    container:
    builtins.filter (lib.hasPrefix "/") (
      lib.mapAttrsToList (
        target: bind: if bind.hostPath == null then target else bind.hostPath
      ) container.binds
    );
  # Quoted for the service manager.
  quoted = path: lib.replaceStrings [ "%" ] [ "%%" ] (builtins.toJSON path);

  nspawn = name: container: {
    execConfig = lib.mapAttrs (_: lib.mkDefault) {
      # NixOS has its own init, below the store. It runs as PID 1, and shuts down on the signal that
      # "Boot=yes" would use.
      Boot = false;
      Parameters = "${container.path}/init";
      KillSignal = "SIGRTMIN+3";
      Ephemeral = true;
      PrivateUsers = "pick";
      MachineID = machineId name;
      # The container's own configuration sets both.
      Timezone = "off";
      ResolvConf = if container.network.hostNetwork then "copy-host" else "off";
      LinkJournal = "no";
    };
    filesConfig = {
      # The directories on the host keep their owner; only the running copy changes owner.
      PrivateUsersOwnership = "auto";
      Bind = bindLines false container.binds ++ journalBind name container;
      BindReadOnly = bindLines true container.binds;
    };
  };

  further = name: kind: common.located "virtualisation.nspawn.containers.${name}.settings.${kind}";

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
    unitConfig = lib.optionalAttrs (container.binds != { }) {
      RequiresMountsFor = map quoted (lib.unique (hostPaths container));
    };
    wants = lib.optional container.linkJournal "nixos-nspawn-journal.service";
    after = lib.optional container.linkJournal "nixos-nspawn-journal.service";
  };
in
{
  config = mkIf (containers != { }) {
    systemd.nspawn = mapAttrs (
      name: container:
      lib.mkMerge [
        (nspawn name container)
        (further name "nspawn" container.settings.nspawn)
      ]
    ) containers;

    systemd.services =
      mapAttrs' (
        name: container:
        nameValuePair "systemd-nspawn@${name}" (
          lib.mkMerge [
            (unit name container)
            (further name "service" container.settings.service)
          ]
        )
      ) containers
      // {
        # A switch stops a container that is no longer in the configuration. It must not start again:
        # it has neither settings nor, being ephemeral, files. Machines that an administrator manages
        # by hand have files.
        "systemd-nspawn@".unitConfig = {
          ConditionPathExists = [
            "|/etc/systemd/nspawn/%i.nspawn"
            "|/var/lib/machines/%i.raw"
          ];
          ConditionDirectoryNotEmpty = "|/var/lib/machines/%i";
        };
      }
      // lib.optionalAttrs (withJournal != { }) { nixos-nspawn-journal = journalService; };

    systemd.targets.machines.wants = map common.unitOf (
      builtins.attrNames (lib.filterAttrs (_: c: c.autoStart) containers)
    );

    # nspawn needs a directory with the machine's name. Owner and mode apply only to a new one: an
    # existing one belongs to the user id range that nspawn chose for it.
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
