# SPDX-License-Identifier: LGPL-2.1-or-later
# The flake's outputs, all of them, with this nixpkgs in the place of its input: every derivation down
# to the path of what would be built, every module as part of a host.
{ nixpkgs }:
let
  tests = import ./lib.nix { inherit nixpkgs; };
  inherit (tests) lib;

  flake = import ../../flake.nix;
  self = flake.outputs {
    inherit self;
    nixpkgs = {
      inherit lib;
      outPath = nixpkgs;
      legacyPackages = lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] (
        system: import nixpkgs { inherit system; }
      );
    };
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
    }).config.system.build.toplevel.drvPath;
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
              virtualisation.nixos-nspawn-ephemeral.containers.web.credentials.greeting.sealed =
                lib.mkForce ../vectors/257-host-0.cred;
            }
          ];
        };
    }).nixosConfigurations.server.config;
in
assert (made self.templates.default).services.nspawn-creds.policies.web.credentials ? greeting;
assert
  builtins.attrNames self.nixosModules == [
    "container"
    "default"
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
  templates = lib.mapAttrs (
    _: template: (made template).system.build.toplevel.drvPath
  ) self.templates;
  formatter = lib.mapAttrs (_: drv: drv.drvPath) self.formatter;
  overlay =
    ((import nixpkgs { system = "x86_64-linux"; }).extend self.overlays.default).nspawn-creds.drvPath;
  modules = lib.mapAttrs (_: module: system [ module ]) self.nixosModules;
  allOfHost = system [
    self.nixosModules.default
    self.nixosModules.nixos-containers
  ];
}
