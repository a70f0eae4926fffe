# SPDX-License-Identifier: LGPL-2.1-or-later
# The host whose rendered files run without NixOS (tests/nixos/run-rendered), and these files by their
# paths below "host" and below the containers' names. The containers' services are such as a Debian
# can run, which stands in for their systems there.
{ nixpkgs }:
let
  tests = import ./lib.nix { inherit nixpkgs; };
  inherit (tests) lib;

  # Keeps what it was given, for the test to see.
  reader = {
    wantedBy = [ "multi-user.target" ];
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
      ExecStart = "/bin/sh -c 'mkdir -p /run/seen/%N && if [ -n \"$CREDENTIALS_DIRECTORY\" ]; then cp \"$CREDENTIALS_DIRECTORY\"/* /run/seen/%N/; fi'";
    };
  };

  # Modules whose secret systemd itself reads. Their programs are not there: a stand-in prints what its
  # unit was given, which the module's own settings decide.
  modules = lib.getAttrs [ "acme" "forgejo" "keycloak" "miniflux" "mosquitto" "oauth2-proxy" ] (
    import ./modules.nix { inherit lib; }
  );
  standIn =
    c: row:
    let
      unit = c.systemd.services.${row.service};
    in
    lib.nameValuePair "etc/systemd/system/${row.service}.service" ''
      [Unit]
      ${attrsToSection { inherit (unit.unitConfig) AssertCredential; }}
      [Service]
      ${attrsToSection (
        lib.getAttrs (builtins.filter (s: unit.serviceConfig ? ${s}) [
          "EnvironmentFile"
          "LoadCredential"
        ]) unit.serviceConfig
        // {
          Type = "oneshot";
          RemainAfterExit = true;
          DynamicUser = true;
          StandardOutput = "truncate:/run/given-%N";
          ExecStart = "/bin/sh -c 'env; cat \"$CREDENTIALS_DIRECTORY\"/*'";
        }
      )}
    '';

  host = tests.host {
    networking.hostName = "host";
    virtualisation.nspawn.containers = {
      web = {
        config.systemd.services = {
          # A unit may bind what it is given: it is there when systemd mounts it.
          reader = reader // {
            serviceConfig = reader.serviceConfig // {
              BindReadOnlyPaths = "%d/db-password:/srv/bound";
              ExecStartPost = "/bin/cp /srv/bound /run/seen/bound";
            };
          };
          fetcher = reader;
          other = reader;
        };
        store = "full";
        binds = {
          "/srv/owned" = {
            hostPath = "/data/owned";
            options = [ "idmap" ];
          };
          "/srv/root" = {
            hostPath = "/data/owned";
            options = [ "rootidmap" ];
          };
          "/srv/fixed" = {
            hostPath = "/data/owned";
            readOnly = true;
            options = [ "idmap" ];
          };
        };
        network.forwardPorts = [
          {
            hostPort = 8080;
            containerPort = 80;
          }
        ];
        credentials = {
          db-password = {
            fromStore = true;
            services = [ "reader" ];
          };
          token = {
            sealed = "/var/lib/sealed/token.cred";
            delivery = "native";
            services = [ "reader" ];
          };
          session = {
            fromStore = true;
            delivery = "live";
            services = [ "fetcher" ];
          };
        };
      };
      db = {
        config.systemd.services.fetcher = reader;
        store = "closure";
        autoStart = false;
        network.veth = {
          zone = "pair";
          addresses = {
            host = [ "10.77.0.1/24" ];
            container = [ "10.77.0.2/24" ];
          };
        };
        limits.tasksMax = 500;
        credentials.key = {
          sealed = "/var/lib/sealed/key.cred";
          delivery = "live";
          services = [ "fetcher" ];
        };
      };
      peer = {
        config =
          { config, ... }:
          {
            imports = lib.mapAttrsToList (
              name: row: row.config config.nspawn-creds.credentials.${name}.systemPath
            ) modules;
            systemd.services."worker@" = reader // {
              wantedBy = [ ];
            };
            systemd.user.services.mail = reader // {
              wantedBy = [ "default.target" ];
              serviceConfig = reader.serviceConfig // {
                ExecStart = "/bin/sh -c 'cp ${config.nspawn-creds.credentials.mail.path} \"$XDG_RUNTIME_DIR/seen\"'";
              };
            };
          };
        credentials =
          lib.mapAttrs (_: row: {
            fromStore = true;
            services = [ row.service ];
          }) modules
          // {
            mail = {
              fromStore = true;
              services = [ "user@1000" ];
            };
            one = {
              fromStore = true;
              services = [ "worker@1" ];
            };
            all = {
              fromStore = true;
              services = [ "worker@" ];
            };
            account.fromStore = true;
          };
        nixDaemon.enable = true;
        autoStart = false;
        network.veth.zone = "pair";
        network.macvlan = [ "lan0" ];
      };
    };
    containers.nested = {
      privateNetwork = true;
      config = {
        system.stateVersion = "24.05";
        systemd.services = {
          inherit reader;
          fetcher = reader;
        };
      };
      credentials = {
        password = {
          fromStore = true;
          services = [ "reader" ];
        };
        key = {
          share = "db@key";
          delivery = "live";
          services = [ "fetcher" ];
        };
      };
    };
  };
  containers = host.virtualisation.nspawn.containers // host.containers;

  inSection = import (nixpkgs + "/nixos/lib/utils.nix") {
    inherit lib;
    config = host;
    pkgs = null;
  };
  inherit (inSection.systemdUtils.lib) attrsToSection;

  files =
    prefix: suffix: value:
    lib.mapAttrs' (name: v: lib.nameValuePair "${prefix}${name}${suffix}" (value v));
  having = prefixes: lib.filterAttrs (name: _: lib.any (p: lib.hasPrefix p name) prefixes);

  nspawn = n: ''
    [Exec]
    ${attrsToSection n.execConfig}
    [Files]
    ${attrsToSection n.filesConfig}
    [Network]
    ${attrsToSection n.networkConfig}
  '';
  networks =
    c: files "etc/systemd/network/" "" (u: u.text) (having [ "10-" "11-" ] c.systemd.network.units);
  dropIns =
    names: c:
    files "etc/systemd/system/" ".d/overrides.conf" (u: u.text) (having names c.systemd.units);
  units = names: c: files "etc/systemd/system/" "" (u: u.text) (having names c.systemd.units);
  scripts = files "nix/store/unit-scripts/" "-start" (s: "#!/bin/bash\nset -e\n${s.script}") (
    having [ "nixos-nspawn-" ] host.systemd.services
  );
  # nixpkgs' own container, with as much of its start script as matters here.
  nested."etc/systemd/system/container@nested.service" =
    let
      unit = host.systemd.services."container@nested";
      flags = lib.concatStringsSep " " host.containers.nested.extraFlags;
    in
    ''
      [Unit]
      ${attrsToSection {
        Wants = unit.wants;
        After = unit.after;
      }}
      [Service]
      ${attrsToSection {
        inherit (unit.serviceConfig) LoadCredential;
        Type = "notify";
        Delegate = true;
        KillMode = "mixed";
        ExecStart = "/usr/bin/systemd-nspawn --keep-unit -M nested -D /var/lib/nixos-containers/nested --private-network ${flags} --notify-ready=yes --kill-signal=SIGRTMIN+3 --bind-ro=/nix/store /nix/store/debian-nested/init";
      }}
    '';
  tmpfiles = files "etc/tmpfiles.d/" ".conf" (
    settings:
    lib.concatStrings (
      lib.mapAttrsToList (
        path: rules:
        lib.concatStrings (
          lib.mapAttrsToList (type: r: "${type} ${path} ${r.mode} ${r.user} ${r.group} ${r.age}\n") rules
        )
      ) settings
    )
  ) (lib.getAttrs [ "10-nixos-nspawn-ephemeral" "10-nspawn-creds" ] host.systemd.tmpfiles.settings);

  below = folder: lib.mapAttrs' (name: lib.nameValuePair "${folder}/${name}");
  guest =
    name:
    below name (
      let
        c = containers.${name}.config;
      in
      networks c
      // units [ "reader." "other." "fetcher." "worker@." ] c
      // dropIns [ "worker@1" "user@1000" ] c
      // files "etc/systemd/user/" "" (u: u.text) (
        lib.filterAttrs (name: _: name == "mail.service") c.systemd.user.units
      )
      // lib.optionalAttrs (c.systemd.services ? nix-store-layer) {
        "etc/nix-store-layer" = c.systemd.services.nix-store-layer.script;
      }
    );
in
below "host" (
  files "etc/systemd/nspawn/" ".nspawn" nspawn host.systemd.nspawn
  // networks host
  // lib.mapAttrs' (name: f: lib.nameValuePair "etc/${name}" f.text) (
    lib.getAttrs [
      "systemd/networkd.conf"
      "systemd/resolved.conf.d/nspawn-creds.conf"
    ] host.environment.etc
  )
  // dropIns [ "systemd-nspawn@" "machines.target" "systemd-journal-catalog-update.service" ] host
  // units [ "nixos-nspawn-" "nspawn-creds-changed-" ] host
  // nested
  // scripts
  // tmpfiles
  // files "etc/nspawn-creds/" ".json" builtins.toJSON host.services.nspawn-creds.policies
)
// guest "web"
// guest "db"
// guest "peer"
// guest "nested"
// below "peer" (lib.mapAttrs' (_: standIn containers.peer.config) modules)
