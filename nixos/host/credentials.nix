# SPDX-License-Identifier: LGPL-2.1-or-later
# The host's part of the containers' credentials: what the containers' units ask for, and the policy
# that says who may have what.
{
  config,
  lib,
  pkgs,
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
      settings = c.unitSettings container.credentials;
    in
    settings
    // {
      restartTriggers = c.restartTriggers container.credentials;
      environment =
        # What is called NAME@ID there, as systemd wants it, is ID in the container.
        lib.optionalAttrs (settings.serviceConfig ? LoadCredentialEncrypted) { NSPAWN_CREDS_MACHINE = name; }
        # The machine's folder for the live socket is made before it is bound.
        // lib.optionalAttrs (c.isLive container.credentials) { NSPAWN_CREDS_LIVE = name; };
      serviceConfig = settings.serviceConfig // {
        # systemd's unit calls "systemd-nspawn" by its bare name. In the first folder that is a
        # program of ours, which passes on to the container what is the container's.
        ExecSearchPath = "${broker.package}/lib/nspawn-creds/bin:${config.systemd.package}/bin";
      };
    };

  # A sealed file or a template is the configuration's own. What a switch makes of one that is live
  # reaches its services as what is rotated does, and the container goes on. One that does not run
  # has it when it starts.
  changed =
    name: container:
    lib.mapAttrs' (
      id: c:
      lib.nameValuePair "nspawn-creds-changed-${name}-${id}" {
        description = "Services that Have ${name}/${id}";
        wantedBy = [ "multi-user.target" ];
        reloadTriggers = [ (builtins.toJSON ((creds name).source container.credentials c)) ];
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
          ExecStart = "${pkgs.coreutils}/bin/true";
          ExecReload = "-${config.systemd.package}/bin/systemctl --machine=${name} ${
            if c.onChange == "reload" then "try-reload-or-restart" else "try-restart"
          } ${lib.concatStringsSep " " (map common.serviceName c.services)}";
        };
      }
    ) (lib.filterAttrs (_: c: c.delivery == "live" && c.onChange != "none" && (c.sealed != null || c.template != null)) container.credentials);
in
{
  config = lib.mkIf (containers != { }) {
    services.nspawn-creds = {
      enable = lib.mkIf (lib.any (name: (creds name).usesBroker containers.${name}.credentials) (builtins.attrNames containers)) true;
      policies = lib.mapAttrs (name: c: (creds name).policy c.credentials) containers;
    };

    systemd.services =
      lib.mapAttrs' (name: c: lib.nameValuePair "systemd-nspawn@${name}" (unit name c)) containers
      // lib.concatMapAttrs changed containers;

    # What a .nspawn file binds takes the place of what nspawn was told on its command line, where
    # the program of ours says the same.
    systemd.nspawn = lib.mapAttrs (name: _: { filesConfig.BindReadOnly = [ (creds name).liveBind ]; }) (
      lib.filterAttrs (name: c: (creds name).isLive c.credentials) containers
    );
  };
}
