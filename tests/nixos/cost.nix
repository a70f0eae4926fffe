# SPDX-License-Identifier: LGPL-2.1-or-later
# A host with one container: of this project, of nixpkgs, or with none. For what evaluating it costs.
{ nixpkgs, container }:
let
  tests = import ./lib.nix { inherit nixpkgs; };
  host =
    tests.host
      {
        none = { };
        ours.virtualisation.nspawn.containers.web.config = { };
        nixpkgs.containers.web.config = { };
      }
      .${container};
in
host.system.build.toplevel.drvPath
