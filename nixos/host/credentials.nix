# SPDX-License-Identifier: LGPL-2.1-or-later
# The host's part of the containers' credentials: what the containers' units ask for, and the policy
# that says who may have what.
{
  config,
  lib,
  ...
}:
let
  common = import ../lib.nix { inherit lib; };
  containers = lib.filterAttrs (_: c: c.credentials != { }) (
    common.named config.virtualisation.nixos-nspawn-ephemeral.containers
  );
  creds = name: import ../credentials/policy.nix { inherit lib name; };
  broker = config.services.nspawn-creds;

  unit =
    name: container:
    let
      c = creds name;
      boot = c.loadCredential container.credentials;
      native = c.loadCredentialEncrypted container.credentials;
      socket = lib.optional (c.usesBroker container.credentials) "nspawn-creds-broker.socket";
    in
    {
      wants = socket;
      after = socket;
      restartTriggers = c.restartTriggers container.credentials;
      # What is called NAME@ID there, as systemd wants it, is ID in the container.
      environment = lib.optionalAttrs (native != [ ]) { NSPAWN_CREDS_MACHINE = name; };
      serviceConfig =
        lib.optionalAttrs (boot != [ ]) { LoadCredential = boot; }
        // lib.optionalAttrs (native != [ ]) { LoadCredentialEncrypted = native; }
        # systemd's unit calls "systemd-nspawn" by its bare name. In the first folder that is a
        # program of ours, which passes the unit's credentials on.
        // lib.optionalAttrs (boot != [ ] || native != [ ]) {
          ExecSearchPath = "${broker.package}/lib/nspawn-creds/bin:${config.systemd.package}/bin";
        };
    };

  live = lib.filterAttrs (name: c: (creds name).isLive c.credentials) containers;
in
{
  config = lib.mkIf (containers != { }) {
    services.nspawn-creds = {
      enable = lib.mkIf (lib.any (name: (creds name).usesBroker containers.${name}.credentials) (builtins.attrNames containers)) true;
      policies = lib.mapAttrs (name: c: (creds name).policy c.credentials) containers;
    };

    systemd.services = lib.mapAttrs' (name: c: lib.nameValuePair "systemd-nspawn@${name}" (unit name c)) containers;

    systemd.nspawn = lib.mapAttrs (name: _: {
      filesConfig.BindReadOnly = [ (creds name).liveBind ];
    }) live;
    systemd.tmpfiles.settings."10-nixos-nspawn-ephemeral" = lib.mapAttrs' (
      name: _: lib.nameValuePair (creds name).liveFolder { d.mode = ":0755"; }
    ) live;
  };
}
