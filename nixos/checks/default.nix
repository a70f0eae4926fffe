# SPDX-License-Identifier: LGPL-2.1-or-later
# The NixOS VM tests, one scenario a file: `nix build .#checks.x86_64-linux.simple-container`, or
# without flakes `nix-build nixos/checks -A simple-container`.
{
  pkgs ? import <nixpkgs> { },
}:
let
  inherit (pkgs) lib;
  scenarios = lib.filterAttrs (name: _: name != "default.nix" && lib.hasSuffix ".nix" name) (
    builtins.readDir ./.
  );
in
lib.mapAttrs' (
  file: _:
  let
    name = lib.removeSuffix ".nix" file;
  in
  lib.nameValuePair name (
    pkgs.testers.runNixOSTest {
      inherit name;
      imports = [ (./. + "/${file}") ];
      defaults.imports = [ ../host.nix ];
    }
  )
) scenarios
