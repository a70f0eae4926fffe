# SPDX-License-Identifier: LGPL-2.1-or-later
# One scenario of nixos/checks: what each of its nodes comes to, that none has a failed assertion, and
# that the whole of it evaluates down to the derivation that would be built.
{ nixpkgs, name }:
let
  tests = import ./lib.nix { inherit nixpkgs; };
  inherit (tests.scenario name) nodes testScript;
  text = if builtins.isFunction testScript then testScript { inherit nodes; } else testScript;
in
assert builtins.stringLength text > 0;
builtins.mapAttrs (
  _: node:
  let
    failed = tests.failed node;
  in
  assert failed == [ ] || throw (builtins.concatStringsSep "\n" failed);
  builtins.seq node.system.build.toplevel.drvPath (tests.rendering node)
) nodes
