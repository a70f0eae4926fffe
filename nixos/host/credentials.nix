# SPDX-License-Identifier: LGPL-2.1-or-later
# The host's part of the containers' credentials: which ones the containers' units ask for, and those of other
# machines with a policy.
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

  # The machines of policies that are written as such. Elsewhere nspawn-creds-generator makes their units ask.
  written = removeAttrs config.services.nspawn-creds.policies (
    builtins.attrNames (config.containers // config.virtualisation.nspawn.containers)
  );
  machines = lib.mapAttrs (_: credentialsIn) (
    lib.filterAttrs (_: policy: builtins.isAttrs (policy.credentials or null)) (common.named written)
  );
  # A policy's credentials, as the options would have them.
  credentialsIn = policy: {
    credentials = lib.mapAttrs (
      _: c:
      lib.mapAttrs (_: _: null) (import ../credentials/sources.nix { inherit lib; }).options
      // {
        delivery = c.delivery or "boot";
        from = removeAttrs c [
          "delivery"
          "keyType"
          "onChange"
          "onFailure"
          "services"
        ];
      }
    ) (lib.filterAttrs (_: builtins.isAttrs) policy.credentials);
  };

  unit =
    name: container:
    let
      c = host.creds name;
      settings = c.unitSettings container.credentials;
    in
    settings
    // {
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
  unitsOf =
    settings:
    lib.mapAttrs' (
      name: c: lib.nameValuePair "systemd-nspawn@${name}" (unit name c // settings name c)
    );
in
{
  config = lib.mkMerge [
    (lib.mkIf (machines != { }) {
      services.nspawn-creds.enable = lib.mkIf (host.anyUsesBroker machines) true;
      # A switch does not restart what it does not describe.
      systemd.services = unitsOf (_: _: {
        overrideStrategy = "asDropin";
        restartIfChanged = false;
      }) machines;
    })

    (lib.mkIf (containers != { }) host.settings)
    (lib.mkIf (containers != { }) {
      systemd.services = unitsOf (name: c: {
        restartTriggers = (host.creds name).restartTriggers c.credentials;
      }) containers;

      # Our wrapper adds the same bind to nspawn's command line, but binds in a .nspawn file replace
      # those.
      systemd.nspawn = lib.mapAttrs (name: _: {
        filesConfig.BindReadOnly = [ (host.creds name).liveBind ];
      }) host.live;
    })
  ];
}
