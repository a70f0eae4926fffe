# SPDX-License-Identifier: LGPL-2.1-or-later
# The derivation of the policies of a host, one of which is not valid.
{ nixpkgs }:
let
  host = (import ./lib.nix { inherit nixpkgs; }).host {
    services.nspawn-creds.policies.debian.credentials = {
      right.store = true;
      wrong.stor = true;
    };
  };
in
builtins.head (
  builtins.attrNames (builtins.getContext host.environment.etc."nspawn-creds/debian.json".source)
)
