# SPDX-License-Identifier: LGPL-2.1-or-later
# Credentials for nixpkgs' own containers: containers.<name>.credentials, with the options of
# virtualisation.nspawn.
{
  config,
  options,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  common = import ./lib.nix { inherit lib; };
  assertions = import ./credentials/assertions.nix { inherit lib common; };
  containers = lib.filterAttrs (_: c: c.credentials != { }) config.containers;
  host = import ./credentials/host.nix { inherit config lib pkgs; } containers;
  fleet = import ./fleet-directory.nix { inherit config lib; };

  # Whether a container's system is built elsewhere. The definitions tell, because nixpkgs derives `path`
  # from `config`, and neither may depend on the other.
  elsewhere =
    name:
    lib.any (
      definition:
      let
        container = definition.value.${name} or { };
      in
      container ? path || (container.content or { }) ? path
    ) options.containers.definitionsWithLocations;

  # Whether a container has credentials and certainly no system. The module below defines `config`, so that
  # nixpkgs would start an empty one.
  isEmpty =
    name:
    lib.all (
      definition:
      let
        container = definition.value.${name} or { };
      in
      builtins.isAttrs container
      && !lib.any (member: container ? ${member}) [
        "_type"
        "config"
        "imports"
        "path"
      ]
    ) options.containers.definitionsWithLocations;

  container =
    { config, name, ... }:
    {
      options.credentials = mkOption {
        type = types.attrsOf (
          types.submodule [
            (import ./credentials/options.nix { inherit lib; })
            (fleet.source name)
          ]
        );
        default = { };
        example = lib.literalExpression ''
          {
            db-password = {
              sealed = ./web/db-password.cred;
              services = [ "postgresql" ];
            };
          }
        '';
        description = "Credentials for the container, by id.";
      };

      config = lib.mkIf (config.credentials != { }) {
        # These containers have their own start script with its own options. (`bindMounts` does not map
        # owners, which a container with `privateUsers` needs.)
        extraFlags = (host.creds name).nspawnFlags config.credentials;
        config = lib.mkIf (!elsewhere name) {
          imports = [ ./credentials/guest.nix ];
          nspawn-creds.credentials = lib.mapAttrs (_: x: {
            inherit (x) services delivery onChange;
          }) config.credentials;
        };
      };
    };
in
{
  imports = [
    ./broker.nix
    ./fleets.nix
  ];

  options.containers = mkOption { type = types.attrsOf (types.submodule container); };

  config = lib.mkIf (containers != { }) (
    lib.mkMerge [
      host.settings
      {
        assertions = lib.concatLists (
          lib.mapAttrsToList (
            name: c:
            assertions {
              machine = name;
              option = "containers.${lib.strings.escapeNixIdentifier name}.credentials";
              inherit (c) credentials;
              others = common.credentialsOf config;
              inherit fleet;
              inside = lib.optionalAttrs (!elsewhere name) c.config.nspawn-creds.credentials;
            }
            ++ [
              {
                assertion = !isEmpty name;
                message = ''
                  containers.${lib.strings.escapeNixIdentifier name}: there are credentials for this container, but no system. Set
                  config = { … } to its NixOS configuration, or correct the name.
                '';
              }
            ]
            ++ lib.optionals (!elsewhere name) (
              map (a: a // { message = "containers.${name}.config: ${a.message}"; }) c.config.assertions
            )
          ) containers
        );

        systemd.services = lib.mapAttrs' (
          name: x:
          let
            c = host.creds name;
          in
          lib.nameValuePair "container@${name}" (
            c.unitSettings x.credentials // { restartTriggers = c.restartTriggers x.credentials; }
          )
        ) containers;

        # The broker creates the live socket in this directory.
        systemd.tmpfiles.settings."10-nspawn-creds" = lib.mapAttrs' (
          name: _:
          lib.nameValuePair (host.creds name).liveFolder {
            d = {
              mode = "0700";
              user = "nspawn-creds";
              group = "nspawn-creds";
            };
          }
        ) host.live;
      }
    ]
  );
}
