# SPDX-License-Identifier: LGPL-2.1-or-later
# The flake's outputs, all of them, with this nixpkgs in the place of its input: every derivation down
# to the path of what would be built, every module as part of a host.
{ nixpkgs }:
let
  tests = import ./lib.nix { inherit nixpkgs; };
  inherit (tests) lib;

  flake = import ../../flake.nix;
  nixpkgsInput = {
    inherit lib;
    outPath = nixpkgs;
    legacyPackages = lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] (
      system: import nixpkgs { inherit system; }
    );
  };
  self = flake.outputs {
    inherit self;
    nixpkgs = nixpkgsInput;
  };
  scenarios = lib.remove "default" (
    map (lib.removeSuffix ".nix") (
      builtins.filter (lib.hasSuffix ".nix") (builtins.attrNames (builtins.readDir ../../nixos/checks))
    )
  );
  paths = lib.mapAttrs (_: lib.mapAttrs (_: drv: drv.drvPath));
  system =
    modules:
    (import (nixpkgs + "/nixos/lib/eval-config.nix") {
      inherit lib;
      system = null;
      modules = [ tests.base ] ++ modules;
    }).config;
  # One import on the host is enough for containers of both kinds, and one for a system built elsewhere.
  app.systemd.services.app.script = "true";
  credentials.key = {
    from.store = true;
    services = [ "app" ];
  };
  host = system [
    self.nixosModules.default
    {
      virtualisation.nspawn.containers.web = {
        config = app;
        inherit credentials;
      };
      containers.other = {
        config = app;
        inherit credentials;
      };
    }
  ];
  elsewhere = system [
    self.nixosModules.guest
    app
    { nspawn-creds.credentials.key.services = [ "app" ]; }
  ];
  getsKey = inside: inside.systemd.services.app.serviceConfig.LoadCredential == [ "key" ];
  # A host made from the template, with some sealed file in the place of the user's.
  made =
    template:
    ((import (template.path + "/flake.nix")).outputs {
      nspawn-creds = self;
      nixpkgs.lib.nixosSystem =
        { modules }:
        import (nixpkgs + "/nixos/lib/eval-config.nix") {
          inherit lib;
          system = null;
          modules = [
            tests.base
          ]
          ++ modules
          ++ [
            {
              virtualisation.nspawn.containers.web.credentials.greeting.sealed =
                lib.mkForce ../vectors/257-host-0.cred;
            }
          ];
        };
    }).nixosConfigurations.server.config;
  # The hosts of the fleet's template, by each of three ways to deploy them. Its fleet is one that has
  # the secret, and a host of another name.
  fleetHosts =
    let
      evaluate =
        modules:
        import (nixpkgs + "/nixos/lib/eval-config.nix") {
          inherit lib;
          system = null;
          modules = [
            tests.base
            {
              options.deployment = lib.mkOption {
                type = lib.types.attrsOf lib.types.anything;
                default = { };
              };
              config.services.nspawn-creds.fleetDirectory = lib.mkForce ./fleet;
              config.services.nspawn-creds.fleetHost = "host";
              config.virtualisation.nspawn.containers.web.credentials = {
                greeting.fromStore = true;
                password = { };
              };
            }
          ]
          ++ modules;
        };
      outputs = (import (self.templates.fleet.path + "/flake.nix")).outputs {
        self = outputs;
        nspawn-creds = self;
        nixpkgs = {
          lib = lib // {
            nixosSystem = { modules }: evaluate modules;
          };
          inherit (nixpkgsInput) legacyPackages;
        };
        colmena.lib.makeHive = hive: {
          nodes = lib.mapAttrs (_: node: evaluate [ node ]) (removeAttrs hive [ "meta" ]);
        };
        deploy-rs.lib.x86_64-linux.activate.nixos = system: system.config.system.build.toplevel;
      };
    in
    {
      nixos-rebuild = lib.mapAttrs (_: s: s.config.system.build.toplevel) outputs.nixosConfigurations;
      deploy-rs = lib.mapAttrs (_: node: node.profiles.system.path) outputs.deploy.nodes;
      # colmena's own option is the only difference
      colmena = lib.mapAttrs (_: s: s.config.system.build.toplevel) outputs.colmenaHive.nodes;
      sealed = lib.mapAttrs (
        _: s: s.config.services.nspawn-creds.policies.web.credentials.password.sealed
      ) outputs.nixosConfigurations;
    };
  sameFor = way: lib.mapAttrs (_: drv: drv.drvPath) way == lib.mapAttrs (_: drv: drv.drvPath) fleetHosts.nixos-rebuild;
in
assert builtins.attrNames fleetHosts.nixos-rebuild == [ "web1" "web2" ];
assert sameFor fleetHosts.deploy-rs && sameFor fleetHosts.colmena;
assert lib.all (lib.hasSuffix "-web-password.cred") (builtins.attrValues fleetHosts.sealed);
assert (made self.templates.default).services.nspawn-creds.policies.web.credentials ? greeting;
assert getsKey host.virtualisation.nspawn.containers.web.config;
assert getsKey host.containers.other.config;
assert getsKey elsewhere;
assert
  builtins.attrNames self.nixosModules == [
    "container"
    "default"
    "guest"
    "host"
    "nixos-containers"
  ];
assert
  builtins.attrNames self.checks.x86_64-linux == builtins.sort builtins.lessThan (
    [
      "formatting"
      "package"
    ]
    ++ scenarios
  );
{
  inputs = builtins.attrNames flake.inputs;
  packages = paths self.packages;
  checks = paths self.checks;
  devShells = paths self.devShells;
  tests = lib.mapAttrs (_: packages: builtins.attrNames packages.nspawn-creds.tests) self.packages;
  templates = {
    default = (made self.templates.default).system.build.toplevel.drvPath;
    fleet = lib.mapAttrs (_: drv: drv.drvPath) fleetHosts.nixos-rebuild;
  };
  fleetCheck =
    (self.lib.fleetCheck {
      pkgs = nixpkgsInput.legacyPackages.x86_64-linux;
      repository = ./fleet;
      signed = false;
    }).drvPath;
  formatter = lib.mapAttrs (_: drv: drv.drvPath) self.formatter;
  overlay =
    ((import nixpkgs { system = "x86_64-linux"; }).extend self.overlays.default).nspawn-creds.drvPath;
  modules = lib.mapAttrs (
    _: module: (system [ module ]).system.build.toplevel.drvPath
  ) self.nixosModules;
}
