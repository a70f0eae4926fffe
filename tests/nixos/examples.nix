# SPDX-License-Identifier: LGPL-2.1-or-later
# The examples as NixOS configurations: no assertion fails, the whole system evaluates down to its
# derivation, and a container has the same credentials, from the same sources, as on Debian.
{ nixpkgs }:
let
  tests = import ./lib.nix { inherit nixpkgs; };
  inherit (tests) lib;
  examples = ../../examples;
  names = builtins.attrNames (
    lib.filterAttrs (_: type: type == "directory") (builtins.readDir examples)
  );

  sources =
    policy:
    lib.mapAttrs (
      _: c:
      builtins.attrNames (
        lib.getAttrs (lib.intersectLists (builtins.attrNames c) [
          "store"
          "sealed"
          "template"
          "generate"
          "share"
          "file"
        ]) c
      )
      ++ [ (c.delivery or "boot") ]
    ) policy.credentials;

  verdict =
    name:
    let
      config = tests.host (examples + "/${name}/nixos.nix");
      debian = examples + "/${name}/host/etc/nspawn-creds";
      policies = lib.mapAttrs' (
        file: _: lib.nameValuePair (lib.removeSuffix ".json" file) (lib.importJSON (debian + "/${file}"))
      ) (builtins.readDir debian);
      differs =
        machine: policy:
        sources policy
        != sources config.services.nspawn-creds.policies.${machine} or { credentials = { }; };
    in
    builtins.seq config.system.build.toplevel.drvPath (
      map (message: "${name}: ${message}") (tests.failed config)
      ++ map (machine: "${name}: ${machine} has other credentials than on Debian") (
        builtins.attrNames (lib.filterAttrs differs policies)
      )
    );
in
{
  checked = builtins.length names;
  bad = lib.concatMap verdict names;
}
