# SPDX-License-Identifier: LGPL-2.1-or-later
# The host's part of the containers' credentials: which ones the containers' units ask for.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  common = import ../lib.nix { inherit lib; };
  containers = lib.filterAttrs (_: c: c.credentials != { }) (
    common.named config.virtualisation.nspawn.containers
  );
  host = import ../credentials/host.nix { inherit config lib pkgs; } containers;

  unit =
    name: container:
    let
      c = host.creds name;
      settings = c.unitSettings container.credentials;
    in
    settings
    // {
      restartTriggers = c.restartTriggers container.credentials;
      environment =
        # Tells our wrapper that NAME@ID, which systemd requires here, is ID in the container.
        lib.optionalAttrs (settings.serviceConfig ? LoadCredentialEncrypted) {
          NSPAWN_CREDS_MACHINE = name;
        }
        # Tells our wrapper what the container must not start without.
        // lib.optionalAttrs (c.atStart container.credentials != [ ]) {
          NSPAWN_CREDS_EXPECTED = lib.concatStringsSep ":" (c.atStart container.credentials);
        }
        # Tells our wrapper to create the directory of the live socket before it is bound.
        // lib.optionalAttrs (c.isLive container.credentials) { NSPAWN_CREDS_LIVE = name; };
      serviceConfig = settings.serviceConfig // {
        # systemd's unit runs "systemd-nspawn" without a path. The first directory holds our wrapper,
        # which passes the unit's credentials on to the container.
        ExecSearchPath = "${config.services.nspawn-creds.package}/lib/nspawn-creds/bin:${config.systemd.package}/bin";
      };
    };
in
{
  config = lib.mkIf (containers != { }) (
    lib.mkMerge [
      host.settings
      {
        systemd.services = lib.mapAttrs' (
          name: c: lib.nameValuePair "systemd-nspawn@${name}" (unit name c)
        ) containers;

        # Our wrapper adds the same bind to nspawn's command line, but binds in a .nspawn file replace
        # those.
        systemd.nspawn = lib.mapAttrs (name: _: {
          filesConfig.BindReadOnly = [ (host.creds name).liveBind ];
        }) host.live;
      }
    ]
  );
}
