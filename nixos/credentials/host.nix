# SPDX-License-Identifier: LGPL-2.1-or-later
# The host's part of credentials that both kinds of containers have in common. `containers` are those of
# one kind that have credentials.
{
  config,
  lib,
  pkgs,
}:
containers:
let
  broker = config.services.nspawn-creds;
in
rec {
  # What a container's credentials come to, see policy.nix.
  creds =
    name:
    import ./policy.nix {
      inherit lib name;
      inherit (broker) store policies;
    };

  live = lib.filterAttrs (name: c: (creds name).isLive c.credentials) containers;

  settings = {
    services.nspawn-creds = {
      enable = lib.mkIf (lib.any (name: (creds name).usesBroker containers.${name}.credentials) (
        builtins.attrNames containers
      )) true;
      policies = lib.mapAttrs (name: c: (creds name).policy c.credentials) containers;
    };
    systemd.services = lib.concatMapAttrs (
      name: c:
      (creds name).changedServices {
        inherit pkgs;
        systemd = config.systemd.package;
      } c.credentials
    ) containers;
  };
}
