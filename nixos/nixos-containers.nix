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
  creds =
    name:
    import ./credentials/policy.nix {
      inherit lib name;
      inherit (config.services.nspawn-creds) store policies;
    };

  containers = lib.filterAttrs (_: c: c.credentials != { }) config.containers;
  unitOf = name: "container@${name}.service";

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

  container =
    { config, name, ... }:
    let
      c = creds name;
    in
    {
      options.credentials = mkOption {
        type = types.attrsOf (types.submodule (import ./credentials/options.nix { inherit lib; }));
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
        extraFlags = c.nspawnFlags config.credentials;
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
  imports = [ ./broker.nix ];

  options.containers = mkOption { type = types.attrsOf (types.submodule container); };

  config = lib.mkIf (containers != { }) {
    assertions = lib.concatLists (
      lib.mapAttrsToList (
        name: c:
        assertions {
          machine = name;
          option = "containers.${lib.strings.escapeNixIdentifier name}.credentials";
          unit = unitOf name;
          inherit (c) credentials;
          others = common.credentialsOf config;
        }
        ++ lib.optionals (!elsewhere name) (
          map (a: a // { message = "containers.${name}.config: ${a.message}"; }) c.config.assertions
        )
      ) containers
    );

    services.nspawn-creds = {
      enable = lib.mkIf (lib.any (name: (creds name).usesBroker containers.${name}.credentials) (
        builtins.attrNames containers
      )) true;
      policies = lib.mapAttrs (name: c: (creds name).policy c.credentials) containers;
    };

    systemd.services =
      lib.mapAttrs' (
        name: x:
        let
          c = creds name;
        in
        lib.nameValuePair "container@${name}" (
          c.unitSettings x.credentials // { restartTriggers = c.restartTriggers x.credentials; }
        )
      ) containers
      // lib.concatMapAttrs (
        name: c:
        (creds name).changedServices {
          inherit pkgs;
          systemd = config.systemd.package;
        } c.credentials
      ) containers;

    # The broker creates the live socket in this directory.
    systemd.tmpfiles.settings."10-nspawn-creds" = lib.mapAttrs' (
      name: _:
      lib.nameValuePair (creds name).liveFolder {
        d = {
          mode = "0700";
          user = "nspawn-creds";
          group = "nspawn-creds";
        };
      }
    ) (lib.filterAttrs (name: c: (creds name).isLive c.credentials) containers);
  };
}
