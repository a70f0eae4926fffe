# SPDX-License-Identifier: LGPL-2.1-or-later
# Evaluates hosts with the project's modules, and takes out of them what the tests look at. Needs a
# NixOS module tree, and nothing that was built.
{ nixpkgs }:
rec {
  lib = import (nixpkgs + "/lib");
  inherit (lib) mapAttrs filterAttrs;

  modules = ../../nixos;

  # What every host has to say. It gives way to whatever the module under test says.
  base =
    { lib, ... }:
    let
      default = lib.mkOverride 1400;
    in
    {
      nixpkgs.hostPlatform = default "x86_64-linux";
      networking.hostName = default "host";
      system.stateVersion = default "24.05";
      boot.loader.grub.enable = default false;
      fileSystems."/" = {
        device = default "/dev/disk/by-label/root";
        fsType = default "ext4";
      };
      documentation.nixos.enable = default false;
    };

  evaluate =
    module:
    import (nixpkgs + "/nixos/lib/eval-config.nix") {
      inherit lib;
      system = null;
      modules = [
        base
        (modules + "/host.nix")
        module
      ];
    };
  host = module: (evaluate module).config;
  # The same in short, for one container called "web".
  web = container: host { virtualisation.nspawn.containers.web = container; };

  # The nodes of a scenario in nixos/checks, and its test script.
  scenario =
    name:
    let
      pkgs = import nixpkgs {
        system = "x86_64-linux";
        # What the test driver wants of packages that a package set need not have which is only
        # good for evaluation.
        overlays = [
          (_: previous: {
            qemu_test = {
              ga = previous.hello;
            }
            // previous.qemu_test;
            xorg = {
              xwininfo = previous.hello;
            }
            // previous.xorg or { };
          })
        ];
      };
      test = (import (nixpkgs + "/nixos/lib/testing") { inherit lib; }).evalTest {
        imports = [ (modules + "/checks/${name}.nix") ];
        inherit name;
        hostPkgs = pkgs;
        node = { inherit pkgs; };
        defaults.imports = [
          (modules + "/host.nix")
          { documentation.nixos.enable = lib.mkOverride 1400 false; }
        ];
      };
    in
    test.config;

  failed = config: map (a: a.message) (builtins.filter (a: !a.assertion) config.assertions);

  # --- what the modules have rendered -----------------------------------------

  ours = lib.filterAttrs (name: _: builtins.match "1[01]-.*" name != null);
  notEmpty = filterAttrs (_: v: v != { } && v != [ ] && v != null && v != "");

  network =
    n:
    notEmpty {
      inherit (n)
        matchConfig
        linkConfig
        networkConfig
        dhcpServerConfig
        ;
    };

  firewall =
    c:
    mapAttrs (_: i: { inherit (i) allowedTCPPorts allowedUDPPorts; }) (
      filterAttrs (
        _: i: i.allowedTCPPorts != [ ] || i.allowedUDPPorts != [ ]
      ) c.networking.firewall.interfaces
    );

  credentialSettings = [
    "LoadCredential"
    "LoadCredentialEncrypted"
  ];

  unit =
    settings: u:
    notEmpty {
      wants = lib.toList u.wants;
      inherit (u) requires after;
      restartIfChanged = if u.restartIfChanged then null else false;
      unitConfig = filterAttrs (
        n: _:
        lib.hasPrefix "Assert" n
        || lib.hasPrefix "Condition" n
        || n == "StopWhenUnneeded"
        || n == "RequiresMountsFor"
      ) u.unitConfig;
      serviceConfig = filterAttrs (n: _: settings == null || builtins.elem n settings) u.serviceConfig;
    };

  units =
    c:
    let
      named = prefix: filterAttrs (name: _: lib.hasPrefix prefix name) c.systemd.services;
    in
    mapAttrs (_: unit null) (named "systemd-nspawn@" // named "nixos-nspawn-")
    // mapAttrs (_: unit credentialSettings) (
      filterAttrs (_: u: u.serviceConfig ? LoadCredential || u.serviceConfig ? LoadCredentialEncrypted) (
        named "container@"
      )
    );

  guest =
    c:
    notEmpty {
      hostName = c.networking.hostName;
      networks = mapAttrs (_: network) (
        if c.systemd.network.enable then ours c.systemd.network.networks else { }
      );
      firewall = firewall c;
      services = mapAttrs (_: unit credentialSettings) (
        filterAttrs (_: u: u.serviceConfig ? LoadCredential) c.systemd.services
      );
      nix = if c.nix.enable then true else null;
    };

  tmpfiles =
    c:
    mapAttrs
      (
        _: rules:
        mapAttrs (
          _: rule: filterAttrs (_: v: v != "-" && v != "") { inherit (rule) mode user group; }
        ) rules
      )
      (
        lib.concatMapAttrs (_: v: v) (
          filterAttrs (
            name: _: name == "10-nixos-nspawn-ephemeral" || name == "10-nspawn-creds"
          ) c.systemd.tmpfiles.settings
        )
      );

  rendering =
    c:
    notEmpty {
      nspawn = mapAttrs (
        _: n:
        notEmpty {
          Exec = n.execConfig;
          Files = n.filesConfig;
          Network = n.networkConfig;
        }
      ) c.systemd.nspawn;
      networks = mapAttrs (_: network) (ours c.systemd.network.networks);
      firewall = firewall c;
      units = units c;
      autoStart = builtins.filter (lib.hasPrefix "systemd-nspawn@") (
        c.systemd.targets.machines.wants or [ ]
      );
      tmpfiles = tmpfiles c;
      inherit (c.services.nspawn-creds) policies;
      containers = mapAttrs (_: x: guest x.config) (
        filterAttrs (_: x: x.given.config) c.virtualisation.nspawn.containers // c.containers
      );
      extraFlags = mapAttrs (_: x: x.extraFlags) c.containers;
    };
}
