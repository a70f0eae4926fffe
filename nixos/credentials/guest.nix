# SPDX-License-Identifier: LGPL-2.1-or-later
# Credentials as the inside of a container sees them: which services take which. The host module sets
# this from the container's `credentials`; a system that is built elsewhere sets it itself.
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
          description = "How it comes into the container, as the host's {option}`delivery`.";
        };
        onChange = mkOption {
          type = types.enum [
            "restart"
            "reload"
            "none"
          ];
          default = "restart";
          description = "What a new value does to the services, as the host's {option}`onChange`.";
        };
        paths = mkOption {
          type = types.attrsOf types.str;
          readOnly = true;
          description = "Where each of the services finds it, by the service's name.";
        };
        path = mkOption {
          type = types.str;
          readOnly = true;
          example = "/run/credentials/postgresql.service/db-password";
          description = ''
            Where the one service that gets it finds it: for options such as `passwordFile`, which are
            read by the service itself. With several services, use {option}`paths`.
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
              a path of its own. Use nspawn-creds.credentials.${name}.paths.SERVICE.
            '';
      };
    };

  # What a service's unit says to have it.
  unit =
    id: c:
    if c.delivery == "live" then
      {
        serviceConfig = {
          LoadCredential = [ "${id}:/run/host/nspawn-creds/socket" ];
          # The service manager takes a broker that is killed before it has answered for an empty
          # credential.
          ExecStartPre = lib.mkBefore [ "${pkgs.coreutils}/bin/test -s %d/${id}" ];
        }
        # Without it a reload brings no new value.
        // lib.optionalAttrs (c.onChange == "reload") { RefreshOnReload = "credentials"; };
      }
    else
      {
        serviceConfig.LoadCredential = [ id ];
        # A container that was started without it would start the service without it, too.
        unitConfig.AssertCredential = [ id ];
      };

  pairs = lib.concatLists (
    lib.mapAttrsToList (id: c: map (service: { inherit id service c; }) c.services) cfg
  );

  # Whether a module other than this one knows the service, itself or as a template's instance.
  known =
    let
      names = lib.concatMap (
        definition: lib.optionals (definition.file != toString ./guest.nix) (builtins.attrNames (lib.filterAttrs (_: holds) definition.value))
      ) options.systemd.services.definitionsWithLocations;
      # A mkIf of each service's own is still to be seen there.
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
    description = "The container's credentials, by their ids.";
  };

  config = {
    systemd.services = lib.mkMerge (map (p: { ${unitName p.service} = unit p.id p.c; }) pairs);

    assertions = map (p: {
      assertion = exists p.service;
      message = ''
        credentials.${p.id}.services: this container has no service "${unitName p.service}". Check the name:
        systemctl -M CONTAINER list-units lists them. For one that is in none of the configuration, write
        systemd.services."${unitName p.service}" = { } into the container's config.
      '';
    }) pairs;
  };
}
