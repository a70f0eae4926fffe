# SPDX-License-Identifier: LGPL-2.1-or-later
# The options of virtualisation.nspawn, and how a container's `config` is evaluated.
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
  cfg = config.virtualisation.nspawn;
  fleet = import ../fleet-directory.nix { inherit config lib; };

  # The container's package set. The host's own `pkgs` can be passed on only if somebody built it and
  # gave it to the host, because it fixes `nixpkgs.config`.
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

  # Without settings of its own for packages, a container uses the host's package set itself, so that
  # Nix evaluates each package once and not once per container. (The definitions of `nixpkgs` above are
  # the only ones then.)
  sharesPackages =
    options:
    !options.pkgs.isDefined
    && lib.all (o: builtins.length o.definitions == 1) [
      options.config
      options.overlays
    ]
    && lib.all (o: o.highestPrio == (lib.mkDefault null).priority) [
      options.hostPlatform
      options.buildPlatform
    ];
  sharedPackages =
    { options, ... }:
    {
      _module.args.pkgs = lib.mkIf (sharesPackages options.nixpkgs) (lib.mkForce pkgs);
    };

  evaluate =
    name: container: loc: definitions:
    (import "${toString pkgs.path}/nixos/lib/eval-config.nix" {
      inherit lib;
      system = null;
      prefix = loc;
      inherit (container) specialArgs;
      modules = [
        ../container.nix
        sharedPackages
        {
          _file = "the host's virtualisation.nspawn.containers.${name}";
          inherit nixpkgs;
          networking.hostName = lib.mkDefault (common.hostNameOf name);
          # The container keeps no state that could depend on an older version.
          system.stateVersion = lib.mkDefault config.system.stateVersion;
          virtualisation.nspawn.guest = {
            inherit (container.network) hostNetwork;
            nixDaemon = container.nixDaemon.enable;
            inherit (container) passwordlessConsole;
          };
          nspawn-creds.credentials = lib.mapAttrs (_: c: {
            inherit (c) services delivery onChange;
          }) container.credentials;
          systemd.network.networks."10-host0" = lib.mkMerge [
            # Only on a bridge are there others who may have the same address.
            (lib.mkIf (container.network.bridge == null) {
              networkConfig.IPv6DuplicateAddressDetection = lib.mkDefault 0;
            })
            (lib.mkIf (container.network.veth.addresses.container != [ ]) {
              networkConfig = {
                Address = container.network.veth.addresses.container;
                DHCP = lib.mkOverride 900 "no";
                Gateway = map common.withoutPrefix container.network.veth.addresses.host;
                # The host's resolved answers there (network.nix).
                DNS = lib.mkIf config.services.resolved.enable (
                  lib.mkOverride 900 (map common.withoutPrefix container.network.veth.addresses.host)
                );
              };
            })
            (lib.mkIf (container.network.veth.config.container != null) (
              common.located "virtualisation.nspawn.containers.${name}.network.veth.config.container" container.network.veth.config.container
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
        description = "Path on the host. Null means the same path as in the container.";
      };
      readOnly = mkOption {
        type = types.bool;
        default = false;
        description = "Whether the container can only read it.";
      };
      options = mkOption {
        type = types.listOf types.str;
        default = [ ];
        example = [ "idmap" ];
        description = ''
          Options of the mount, see {manpage}`systemd-nspawn(1)`. The container has its own user ids,
          so without options all files appear to belong to nobody. With `idmap`, user N of the
          host is user N in the container. With `rootidmap`, the directory's owner on the host is root
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
        description = "Port on the host.";
      };
      containerPort = mkOption {
        type = types.nullOr types.port;
        default = null;
        example = 80;
        description = "Port in the container. Null means the same port.";
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
        merged with this module's settings and override its defaults. The match is already set.
      '';
    };

  settings =
    what: path: example:
    mkOption {
      type = types.deferredModule;
      default = { };
      inherit example;
      description = ''
        Further settings for ${what} as in `${path}`. They are merged with this module's settings and
        override its defaults.
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
        description = "Whether the container has its own link to the host.";
      };
      zone = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "backend";
        description = ''
          Zone of the container. All containers of a zone share one bridge, `vz-ZONE`, which
          exists as long as one of them runs.
        '';
      };
      addresses = {
        host = mkOption {
          type = types.listOf types.str;
          default = [ ];
          example = [ "10.23.42.1/24" ];
          description = "Static addresses of the host's end. The container uses them as gateways.";
        };
        container = mkOption {
          type = types.listOf types.str;
          default = [ ];
          example = [ "10.23.42.2/24" ];
          description = "Static addresses of the container, instead of DHCP. Its DNS server is the host.";
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
        An existing bridge of the host. The host's end of the link joins it instead of getting its own
        addresses, and the container uses DHCP there.
      '';
    };
    macvlan = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "enp1s0" ];
      description = ''
        Interfaces of the host. The container gets a MACVLAN interface on each, named `mv-INTERFACE`,
        and uses DHCP there.
      '';
    };
    ipvlan = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "enp1s0" ];
      description = ''
        Interfaces of the host. The container gets an IPVLAN interface on each, named `iv-INTERFACE`,
        and uses DHCP there.
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
        Ports of the host that are forwarded to the container. The host itself does not use them; it
        reaches the container by name.
      '';
    };
    hostNetwork = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether the container uses the host's network instead of its own. It can then reach everything
        that the host can, including services that listen on localhost.
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
          # Evaluated here because only here the name and the other settings are known.
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
          description = "The container's system, as a NixOS module. Set either this or {option}`path`.";
        };
        path = mkOption {
          type = types.path;
          example = "/nix/var/nix/profiles/my-container";
          description = ''
            A NixOS system that was built elsewhere with this project's container module: its
            store path, or a link to it such as a profile. Set either this or {option}`config`.
          '';
        };
        specialArgs = mkOption {
          type = types.attrsOf types.unspecified;
          default = { };
          example = lib.literalExpression "{ inherit inputs; }";
          description = "Further arguments for the modules of {option}`config`, also for use in their `imports`.";
        };
        autoStart = mkOption {
          type = types.bool;
          default = true;
          example = false;
          description = "Whether the container starts with the host, through `machines.target`.";
        };
        restartIfChanged = mkOption {
          type = types.bool;
          default = true;
          example = false;
          description = "Whether a switch restarts the container if its configuration changed.";
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
            Directories and files of the host to mount, by their path in the container. Everything that
            the container writes elsewhere is lost when it stops.
          '';
        };
        linkJournal = mkOption {
          type = types.bool;
          default = true;
          description = ''
            Whether the container's journal is kept on the host, in `/var/log/journal`, where
            {command}`journalctl --merge` shows it. If the file system there does not support id-mapped
            mounts, the journal is in `/run/log/journal` until the host's next boot.
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
            Which part of the host's Nix store the container sees: with `closure` only the paths of its
            own system, with `full` everything in the host's store.
          '';
        };
        nixDaemon.enable = mkOption {
          type = types.bool;
          default = false;
          description = ''
            Whether the container has its own Nix daemon and database. Paths that it builds or fetches
            are in a layer above the paths of the host's store, and are lost when it stops. Otherwise
            there is no Nix in the container. The host's daemon is never reachable.
          '';
        };
        passwordlessConsole = mkOption {
          type = types.bool;
          default = false;
          description = ''
            Whether {command}`machinectl login` logs in as root without asking. Otherwise it asks for a
            user and a password of the container. {command}`machinectl shell` needs neither.
          '';
        };
        settings = {
          nspawn = settings "the .nspawn file" "systemd.nspawn.<name>" {
            execConfig.Capability = "CAP_NET_ADMIN";
          };
          service = settings "the unit, `systemd-nspawn@NAME.service`," "systemd.services.<name>" {
            serviceConfig.IOWeight = 50;
          };
        };
        limits = {
          cpuQuota = limit types.str "150%" "CPU time limit, in percent of one CPU (`CPUQuota=`).";
          cpuWeight =
            limit (types.ints.between 1 10000) 50
              "Share of the CPU under load; 100 is the default of other units (`CPUWeight=`).";
          memoryHigh =
            limit types.str "1500M"
              "Memory use above which the container is throttled (`MemoryHigh=`).";
          memoryMax = limit types.str "2G" "Memory limit (`MemoryMax=`).";
          tasksMax =
            limit (types.either types.ints.positive types.str) 4096
              "Limit on processes and threads (`TasksMax=`).";
        };
        credentials = mkOption {
          type = types.attrsOf (
            types.submodule [
              (import ../credentials/options.nix { inherit lib; })
              (fleet.source name)
            ]
          );
          default = { };
          example = lib.literalExpression ''
            {
              db-password = {
                sealed = ./web/db-password.cred;
                services = [ "postgresql" ];
              };
            }
          '';
          description = "Credentials for the container, by id.";
        };
      };

      # The priority is lower than any other definition's, so that assertions can tell whether there is
      # one. If an assertion of the container fails, the host reports it and names the container.
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
        visible = false;
        readOnly = true;
        default = {
          config = options.config.isDefined;
          path = options.path.isDefined && options.path.highestPrio < 1500;
        };
        description = "Which of `config` and `path` are set explicitly.";
      };
    };
in
{
  options.virtualisation.nspawn = {
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
      description = "Containers, by name. They are ephemeral: they keep state only in their {option}`binds`.";
    };
    imports = mkOption {
      type = types.listOf types.deferredModule;
      default = [ ];
      example = lib.literalExpression ''[ { time.timeZone = "Europe/Berlin"; } ]'';
      description = "NixOS modules for every container's {option}`config`.";
    };
  };
}
