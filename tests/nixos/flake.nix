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
      legacyPackages = lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] (system: import nixpkgs { inherit system; });
    };
  };
  scenarios = lib.remove "default" (
    map (lib.removeSuffix ".nix") (builtins.filter (lib.hasSuffix ".nix") (builtins.attrNames (builtins.readDir ../../nixos/checks)))
  );
  paths = lib.mapAttrs (_: lib.mapAttrs (_: drv: drv.drvPath));
  system = modules: (import (nixpkgs + "/nixos/lib/eval-config.nix") {
    inherit lib;
    system = null;
    modules = [ tests.base ] ++ modules;
  }).config.system.build.toplevel.drvPath;
in
assert builtins.attrNames self.nixosModules == [ "container" "default" "host" "nixos-containers" ];
assert builtins.attrNames self.checks.x86_64-linux == builtins.sort builtins.lessThan ([ "package" ] ++ scenarios);
{
  inputs = builtins.attrNames flake.inputs;
  packages = paths self.packages;
  checks = paths self.checks;
  devShells = paths self.devShells;
  formatter = lib.mapAttrs (_: drv: drv.drvPath) self.formatter;
  overlay = ((import nixpkgs { system = "x86_64-linux"; }).extend self.overlays.default).nspawn-creds.drvPath;
  modules = lib.mapAttrs (_: module: system [ module ]) self.nixosModules;
  allOfHost = system [ self.nixosModules.default self.nixosModules.nixos-containers ];
}
