# SPDX-License-Identifier: LGPL-2.1-or-later
# The options of virtualisation.nixos-nspawn-ephemeral, and how a container's `config` is evaluated.
{
  config,
  options,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  common = import ../lib.nix { inherit lib; };
  cfg = config.virtualisation.nixos-nspawn-ephemeral;

  # What the container's package set is made of. The host's own `pkgs` can be handed on only where
  # somebody made it and gave it to the host, since it fixes `nixpkgs.config`.
  nixpkgs =
    if options.nixpkgs.pkgs.isDefined then
      { pkgs = lib.mkDefault pkgs; }
    else
      {
        hostPlatform = lib.mkDefault pkgs.stdenv.hostPlatform;
        buildPlatform = lib.mkDefault pkgs.stdenv.buildPlatform;
        inherit (config.nixpkgs) config;
        overlays = lib.mkBefore config.nixpkgs.overlays;
      };

  evaluate =
    name: container: loc: definitions:
    (import "${toString pkgs.path}/nixos/lib/eval-config.nix" {
      inherit lib;
      system = null;
      prefix = loc;
      modules = [
        ../container.nix
        {
          _file = "the host's virtualisation.nixos-nspawn-ephemeral.containers.${name}";
          inherit nixpkgs;
          networking.hostName = lib.mkDefault (common.hostNameOf name);
          # It keeps no state of its own, so there is nothing for another version to be right for.
          system.stateVersion = lib.mkDefault config.system.stateVersion;
          virtualisation.nixos-nspawn-ephemeral.guest = {
            inherit (container.network) hostNetwork;
            nixDaemon = container.nixDaemon.enable;
          };
          nspawn-creds.credentials = lib.mapAttrs (_: c: { inherit (c) services delivery onChange; }) container.credentials;
          systemd.network.networks."10-host0" = lib.mkMerge [
            (lib.mkIf (container.network.veth.addresses.container != [ ]) {
              networkConfig = {
                Address = container.network.veth.addresses.container;
                DHCP = lib.mkOverride 900 "no";
                Gateway = map common.withoutPrefix container.network.veth.addresses.host;
              };
            })
            (lib.mkIf (container.network.veth.config.container != null) (
              common.located "virtualisation.nixos-nspawn-ephemeral.containers.${name}.network.veth.config.container" container.network.veth.config.container
            ))
          ];
        }
      ]
      ++ cfg.imports
      ++ map (d: lib.setDefaultModuleLocation d.file d.value) definitions;
    }).config;

  bind = types.submodule {
    options = {
      hostPath = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "/mnt/data/postgresql";
        description = "Path on the host. Null: the same as in the container.";
      };
      readOnly = mkOption {
        type = types.bool;
        default = false;
        description = "Whether the container may only read.";
      };
      options = mkOption {
        type = types.listOf types.str;
        default = [ ];
        example = [ "idmap" ];
        description = ''
          Options of the mount, as in {manpage}`systemd-nspawn(1)`. The container has user ids of its
          own, so without options all files appear to belong to nobody. With `idmap`, user N of the
          host is user N of the container; with `rootidmap`, the directory's owner on the host is root
          in the container.
        '';
      };
    };
  };

  forward = types.submodule {
    options = {
      protocol = mkOption {
        type = types.enum [
          "tcp"
          "udp"
        ];
        default = "tcp";
        description = "Protocol.";
      };
      hostPort = mkOption {
        type = types.port;
        example = 8080;
        description = "Port of the host.";
      };
      containerPort = mkOption {
        type = types.nullOr types.port;
        default = null;
        example = 80;
        description = "Port of the container. Null: the same.";
      };
    };
  };

  networkdConfig =
    side: address:
    mkOption {
      type = types.nullOr types.deferredModule;
      default = null;
      example = {
        networkConfig.Address = [ address ];
      };
      description = ''
        Settings for the ${side} end of the link, as in `systemd.network.networks.<name>`. They are
        merged with this module's, whose defaults give way; what to match is set already.
      '';
    };

  limit =
    type: example: description:
    mkOption {
      type = types.nullOr type;
      default = null;
      inherit example description;
    };

  network = {
    veth = {
      enable = mkOption {
        type = types.bool;
        default = true;
        description = "Whether there is a link of its own between host and container.";
      };
      zone = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "backend";
        description = ''
          Zone to put the container into: all containers of a zone share one bridge, `vz-ZONE`, which
          is there as long as one of them runs.
        '';
      };
      addresses = {
        host = mkOption {
          type = types.listOf types.str;
          default = [ ];
          example = [ "10.23.42.1/24" ];
          description = "Fixed addresses of the host's end. The container uses them as gateways.";
        };
        container = mkOption {
          type = types.listOf types.str;
          default = [ ];
          example = [ "10.23.42.2/24" ];
          description = "Fixed addresses of the container, instead of DHCP.";
        };
      };
      config.host = networkdConfig "host's" "10.23.42.1/24";
      config.container = networkdConfig "container's" "10.23.42.2/24";
    };
    bridge = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "br0";
      description = ''
        A bridge of the host's that the host's end of the link joins, instead of being configured by
        itself. The container asks for its address there.
      '';
    };
    macvlan = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "enp1s0" ];
      description = ''
        Interfaces of the host that the container gets a MACVLAN of, called `mv-INTERFACE`. It asks
        for an address by DHCP.
      '';
    };
    ipvlan = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "enp1s0" ];
      description = ''
        Interfaces of the host that the container gets an IPVLAN of, called `iv-INTERFACE`. It asks
        for an address by DHCP.
      '';
    };
    forwardPorts = mkOption {
      type = types.listOf forward;
      default = [ ];
      example = [
        {
          hostPort = 8080;
          containerPort = 80;
        }
      ];
      description = ''
        Ports of the host that lead to the container. The host itself reaches the container by its
        name, not through these.
      '';
    };
    hostNetwork = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether the container uses the host's network instead of one of its own. It then sees all
        that the host sees, services that listen on localhost included.
      '';
    };
  };

  container =
    {
      config,
      options,
      name,
      ...
    }:
    {
      options = {
        config = mkOption {
          # Evaluated here, since only here the name and the other settings are known.
          type = lib.mkOptionType {
            name = "NixOS configuration";
            description = "NixOS configuration";
            merge = evaluate name config;
          };
          example = lib.literalExpression ''
            { pkgs, ... }: {
              services.nginx.enable = true;
              environment.systemPackages = [ pkgs.htop ];
            }
          '';
          description = "The container's system, as a NixOS module. Either this or {option}`path`.";
        };
        path = mkOption {
          type = types.path;
          example = "/nix/var/nix/profiles/my-container";
          description = ''
            A NixOS system that was built elsewhere, with this project's container module: its
            store path, or a link to it such as a profile. Either this or {option}`config`.
          '';
        };
        autoStart = mkOption {
          type = types.bool;
          default = true;
          example = false;
          description = "Whether the container starts with the host, with `machines.target`.";
        };
        restartIfChanged = mkOption {
          type = types.bool;
          default = true;
          example = false;
          description = "Whether a switch to a configuration in which the container differs restarts it.";
        };
        binds = mkOption {
          type = types.attrsOf bind;
          default = { };
          example = {
            "/var/lib/example" = { };
            "/var/lib/postgresql" = {
              hostPath = "/mnt/data/postgresql";
              options = [ "idmap" ];
            };
          };
          description = ''
            Directories and files of the host that the container sees, by their path in the container.
            What it writes elsewhere is gone when it stops.
          '';
        };
        linkJournal = mkOption {
          type = types.bool;
          default = true;
          description = ''
            Whether the container's journal is kept on the host, in `/var/log/journal`, where
            {command}`journalctl --merge` shows it. Needs a file system that can map owners, as all
            common ones can; without, the journal is gone when the container stops.
          '';
        };
        inherit network;
        store = mkOption {
          type = types.enum [
            "closure"
            "full"
          ];
          default = "closure";
          description = ''
            What the container sees of the host's Nix store: with `closure` the paths that its system
            consists of, with `full` everything that any system or user of the host has in it.
          '';
        };
        nixDaemon.enable = mkOption {
          type = types.bool;
          default = false;
          description = ''
            Whether the container has a Nix daemon and a database of its own. What it builds and
            fetches lies on top of the paths that it sees of the host's store, and is gone when it
            stops. Without, there is no Nix in the container; the host's daemon is never in reach.
          '';
        };
        limits = {
          cpuQuota = limit types.str "150%" "CPU time, in percent of one CPU (`CPUQuota=`).";
          cpuWeight = limit (types.ints.between 1 10000) 50 "Share of the CPU under load; 100 is what others have (`CPUWeight=`).";
          memoryHigh = limit types.str "1500M" "Memory above which the container is slowed down (`MemoryHigh=`).";
          memoryMax = limit types.str "2G" "Memory that the container may have at most (`MemoryMax=`).";
          tasksMax = limit (types.either types.ints.positive types.str) 4096 "Processes and threads that the container may have at most (`TasksMax=`).";
        };
        credentials = mkOption {
          type = types.attrsOf (types.submodule (import ../credentials/options.nix { inherit lib; }));
          default = { };
          example = lib.literalExpression ''
            {
              db-password = {
                sealed = ./web/db-password.cred;
                services = [ "postgresql" ];
              };
            }
          '';
          description = "Secrets for the container, by their ids.";
        };
      };

      # Less than any other definition, so that the assertions can tell whether there is one. What
      # fails an assertion of the container's is no system; the host says so, and names the container.
      config.path = lib.mkIf options.config.isDefined (
        lib.mkOverride 1500 (
          if lib.all (a: a.assertion) config.config.assertions then
            config.config.system.build.toplevel
          else
            "/failed-assertions"
        )
      );

      options.given = mkOption {
        type = types.attrsOf types.bool;
        internal = true;
        readOnly = true;
        default = {
          config = options.config.isDefined;
          path = options.path.isDefined && options.path.highestPrio < 1500;
        };
        description = "Which of `config` and `path` somebody has set.";
      };
    };
in
{
  options.virtualisation.nixos-nspawn-ephemeral = {
    containers = mkOption {
      type = types.attrsOf (types.submodule container);
      default = { };
      example = lib.literalExpression ''
        {
          web.config = {
            networking.firewall.allowedTCPPorts = [ 80 ];
            services.nginx.enable = true;
          };
        }
      '';
      description = "Containers, by name. None keeps state but in its {option}`binds`.";
    };
    imports = mkOption {
      type = types.listOf types.deferredModule;
      default = [ ];
      example = lib.literalExpression ''[ { time.timeZone = "Europe/Berlin"; } ]'';
      description = "NixOS modules for every container's {option}`config`.";
    };
  };
}
