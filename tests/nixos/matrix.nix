# SPDX-License-Identifier: LGPL-2.1-or-later
# One container with all of modules.nix: each path arrives where the service or systemd reads it, and
# what systemd reads is refused with the service's own path. The result also has the guide's table.
{ nixpkgs }:
let
  tests = import ./lib.nix { inherit nixpkgs; };
  inherit (tests) lib;
  all = import ./modules.nix { inherit lib; };
  rows = lib.filterAttrs (
    _: row: !row ? file || builtins.pathExists (nixpkgs + "/nixos/modules/${row.file}")
  ) all;

  guest =
    choose:
    (import (nixpkgs + "/nixos/lib/eval-config.nix") {
      inherit lib;
      system = null;
      modules = [
        tests.base
        ../../nixos/container.nix
        { nspawn-creds.credentials = lib.mapAttrs (_: row: { services = [ row.service ]; }) rows; }
      ]
      ++ lib.mapAttrsToList (
        name: row: { config, ... }: row.config config.nspawn-creds.credentials.${name}.${choose row}
      ) rows;
    }).config;
  inside = guest (row: row.path);

  # The same with each service's own path.
  wrong = tests.failed (guest (_: "path"));

  verdict =
    name: row:
    let
      path = inside.nspawn-creds.credentials.${name}.${row.path};
      texts = row.arrives inside inside.systemd.services.${row.service};
      remedy = "config.nspawn-creds.credentials.${name}.systemPath";
    in
    lib.optional (
      !lib.any (text: lib.hasInfix path (toString text)) texts
    ) "${name}: ${row.service}.service does not get the path"
    ++ lib.optional (
      lib.any (lib.hasInfix remedy) wrong != (row.path == "systemPath")
    ) "${name}: the assertion is wrong about the service's own path";
in
{
  checked = builtins.length (builtins.attrNames rows);
  bad = tests.failed inside ++ lib.concatLists (lib.mapAttrsToList verdict rows);
  table = lib.mapAttrsToList (
    name: row:
    "| `${row.option}`${
      lib.optionalString (row ? as) ", `${row.as}`"
    } | `${row.service}` | `${row.path}` |"
  ) all;
}
