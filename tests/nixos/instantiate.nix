# SPDX-License-Identifier: LGPL-2.1-or-later
# A whole system with a container and a credential, as a derivation.
{ nixpkgs }:
((import ./lib.nix { inherit nixpkgs; }).web {
  config.systemd.services.app.script = "true";
  credentials.password = {
    fromStore = true;
    services = [ "app" ];
  };
}).system.build.toplevel
