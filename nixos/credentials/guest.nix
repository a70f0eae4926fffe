# SPDX-License-Identifier: LGPL-2.1-or-later
# Credentials from inside a container: which services use which. The host module sets this from the
# container's `credentials`; a system that is built elsewhere sets it itself.
{
  config,
  options,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.nspawn-creds.credentials;
  inherit (import ../lib.nix { inherit lib; }) serviceName;

  unitName = service: lib.removeSuffix ".service" service;
  pathIn = id: service: "/run/credentials/${serviceName service}/${id}";

  credential =
    { name, config, ... }:
    {
      options = {
        services = mkOption {
          type = types.listOf types.str;
          default = [ ];
          example = [ "postgresql" ];
          description = "Services that get the credential.";
        };
        delivery = mkOption {
          type = types.enum [
            "boot"
            "live"
            "native"
          ];
          default = "boot";
          description = "How it gets into the container, like the host's {option}`delivery`.";
        };
        onChange = mkOption {
          type = types.enum [
            "restart"
            "reload"
            "none"
          ];
          default = "restart";
          description = "What happens to the services when the value changes, like the host's {option}`onChange`.";
        };
        paths = mkOption {
          type = types.attrsOf types.str;
          readOnly = true;
          description = "Path of the credential for each service, by the service's name.";
        };
        path = mkOption {
          type = types.str;
          readOnly = true;
          example = "/run/credentials/postgresql.service/db-password";
          description = ''
            Path of the credential for the only service that gets it, for options such as
            `passwordFile` that the service itself reads. For several services, use {option}`paths`.
          '';
        };
      };
      config = {
        paths = lib.listToAttrs (map (s: lib.nameValuePair (unitName s) (pathIn name s)) config.services);
        path =
          if builtins.length config.services == 1 then
            pathIn name (builtins.head config.services)
          else
            throw ''
              nspawn-creds.credentials.${name}.path: the credential is for ${toString (builtins.length config.services)} services, and each has it at
              a different path. Use nspawn-creds.credentials.${name}.paths.SERVICE.
            '';
      };
    };

  # The settings with which a service's unit gets it.
  unit =
    id: c:
    if c.delivery == "live" then
      {
        serviceConfig = {
          LoadCredential = [ "${id}:/run/host/nspawn-creds/socket" ];
          # If the broker is killed before it answers, the service manager sees an empty credential.
          ExecStartPre = lib.mkBefore [ "${pkgs.coreutils}/bin/test -s %d/${id}" ];
        }
        # Without this a reload keeps the old value.
        // lib.optionalAttrs (c.onChange == "reload") { RefreshOnReload = "credentials"; };
      }
    else
      {
        serviceConfig.LoadCredential = [ id ];
        # Otherwise a container that was started without the credential would start the service without it.
        unitConfig.AssertCredential = [ id ];
      };

  pairs = lib.concatLists (
    lib.mapAttrsToList (id: c: map (service: { inherit id service c; }) c.services) cfg
  );

  # Whether another module than this one defines the service, or the template that it instantiates.
  known =
    let
      names = lib.concatMap (
        definition: lib.optionals (definition.file != toString ./guest.nix) (builtins.attrNames (lib.filterAttrs (_: holds) definition.value))
      ) options.systemd.services.definitionsWithLocations;
      # Here a service's own mkIf is not resolved yet.
      holds = value: value._type or null != "if" || value.condition;
    in
    lib.genAttrs names (_: true);
  exists =
    service:
    known ? ${unitName service} || known ? ${"${builtins.head (lib.splitString "@" (unitName service))}@"};
in
{
  options.nspawn-creds.credentials = mkOption {
    type = types.attrsOf (types.submodule credential);
    default = { };
    description = "The container's credentials, by id.";
  };

  config = {
    systemd.services = lib.mkMerge (map (p: { ${unitName p.service} = unit p.id p.c; }) pairs);

    assertions = map (p: {
      assertion = exists p.service;
      message = ''
        credentials.${p.id}.services: this container has no service "${unitName p.service}". Check the name:
        systemctl -M CONTAINER list-units lists them. For a service that the configuration does not define, add
        systemd.services."${unitName p.service}" = { } to the container's config.
      '';
    }) pairs;
  };
}
