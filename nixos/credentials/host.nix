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
  common = import ../lib.nix { inherit lib; };
  sources = import ./sources.nix { inherit lib; };
  broker = config.services.nspawn-creds;
  known = common.credentialsOf config;

  # Shares with machines that this configuration does not have. It need not know every machine, so this is
  # no error.
  shares =
    name: c:
    lib.concatLists (
      lib.mapAttrsToList (
        id: credential:
        let
          share = (sources.of credential).share or "";
          machine = builtins.head (lib.splitString "@" share);
        in
        lib.optional (share != "" && !known ? ${machine}) ''
          The credential "${id}" of the container "${name}" is a share with "${share}", but this configuration has no
          container "${machine}". If "${machine}" is not a NixOS container, write its policy as
          services.nspawn-creds.policies.${lib.strings.escapeNixIdentifier machine}, so that evaluation can check the share.
        ''
      ) c.credentials
    );
in
rec {
  # What a container's credentials come to, see policy.nix.
  creds =
    name:
    import ./policy.nix {
      inherit lib name;
      inherit (broker) store policies;
    };

  anyUsesBroker =
    containers:
    lib.any (name: (creds name).usesBroker containers.${name}.credentials) (
      builtins.attrNames containers
    );

  live = lib.filterAttrs (name: c: (creds name).isLive c.credentials) containers;

  settings = {
    services.nspawn-creds = {
      enable = lib.mkIf (anyUsesBroker containers) true;
      policies = lib.mapAttrs (name: c: (creds name).policy c.credentials) containers;
    };
    warnings = lib.concatLists (lib.mapAttrsToList shares containers);
    systemd.services = lib.concatMapAttrs (
      name: c:
      (creds name).changedServices {
        inherit pkgs;
        systemd = config.systemd.package;
      } c.credentials
    ) containers;
  };
}
