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
  inherit (import ../lib.nix { inherit lib; }) serviceName unitName isTemplate;

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
            Without services it is {option}`systemPath`.
          '';
        };
        systemPath = mkOption {
          type = types.str;
          readOnly = true;
          example = "/run/credentials/@system/db-password";
          description = ''
            Path of the credential for what systemd reads itself, before the service has its
            credentials: `EnvironmentFile=`, and `LoadCredential=` of a module. Only root can read it.
            Credentials with `live` delivery have none.
          '';
        };
      };
      config = {
        paths = lib.listToAttrs (
          map (s: lib.nameValuePair (unitName s) (pathIn name s)) (
            builtins.filter (s: !isTemplate s) config.services
          )
        );
        path =
          let
            services = lib.unique (map unitName config.services);
            service = builtins.head services;
          in
          if services == [ ] then
            config.systemPath
          else if builtins.length services > 1 then
            throw ''
              nspawn-creds.credentials.${name}.path: the credential is for ${toString (builtins.length services)} services, and each has it at
              a different path. Use nspawn-creds.credentials.${name}.paths.SERVICE.
            ''
          else if isTemplate service then
            throw ''
              nspawn-creds.credentials.${name}.path: each instance of "${service}" has the credential at a
              different path. In the template's settings, write %d/${name} for it.
            ''
          else
            pathIn name service;
        systemPath =
          if config.delivery == "live" then
            throw ''
              nspawn-creds.credentials.${name}.systemPath: with delivery = "live" only a running service gets
              the credential. Set delivery = "boot" for what systemd reads itself.
            ''
          else
            "/run/credentials/@system/${name}";
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
    lib.mapAttrsToList (
      id: c: map (service: { inherit id service c; }) (lib.unique (map unitName c.services))
    ) cfg
  );

  # Whether another module than this one defines the service, or the template that it instantiates.
  known =
    let
      names = lib.concatMap (
        definition:
        lib.optionals (definition.file != toString ./guest.nix) (
          builtins.attrNames (lib.filterAttrs (_: holds) definition.value)
        )
      ) options.systemd.services.definitionsWithLocations;
      # Here a service's own mkIf is not resolved yet.
      holds = value: value._type or null != "if" || value.condition;
    in
    lib.genAttrs names (_: true);
  # Instances of a template are drop-ins, because a whole unit would replace the template. They keep
  # the template's PATH.
  isInstance = service: lib.hasInfix "@" service && !isTemplate service;
  templateOf = instance: "${builtins.head (lib.splitString "@" instance)}@";
  dropIn =
    service:
    lib.optionalAttrs (isInstance service && !known ? ${service}) {
      overrideStrategy = "asDropin";
      path = lib.mkForce [ ];
    };

  # The names that may be meant.
  alike =
    service:
    let
      near = name: lib.hasPrefix service name || lib.strings.levenshteinAtMost 2 service name;
      names = map (name: ''"${name}"'') (lib.take 4 (builtins.filter near (builtins.attrNames known)));
    in
    lib.optionalString (names != [ ]) " Did you mean ${lib.concatStringsSep " or " names}?";

  existence =
    p:
    let
      unit = if isInstance p.service then templateOf p.service else p.service;
    in
    {
      assertion = known ? ${p.service} || known ? ${unit};
      message =
        if config.systemd.user.services ? ${unit} then
          ''
            credentials.${p.id}.services: "${p.service}" is a service of users, and the container's credentials are
            for system services. Give it to the user's service manager, services = [ "user@UID" ]. All services
            of the user can then read config.nspawn-creds.credentials.${p.id}.path.
          ''
        else
          ''
            credentials.${p.id}.services: this container has no service "${p.service}".${alike unit} Use a name in
            the container's systemd.services. For a service that the configuration does not define, add
            systemd.services."${unit}" = { } to the container's config.
          '';
    };

  # --- files that are read before the service has its credentials ----------------

  # Not so BindPaths= and WorkingDirectory=, which systemd applies when the service has them.
  early = [
    "EnvironmentFile"
    "LoadCredential"
    "LoadCredentialEncrypted"
    "OpenFile"
    "StandardInput"
  ];
  isCondition =
    setting: _: builtins.match "(Condition|Assert)(Path|Directory|File).*" setting != null;
  files = lib.concatLists (
    lib.mapAttrsToList (
      unit: u:
      let
        settings =
          lib.mapAttrs' (setting: lib.nameValuePair "serviceConfig.${setting}") (
            builtins.intersectAttrs (lib.genAttrs early (_: null)) u.serviceConfig
          )
          // lib.mapAttrs' (setting: lib.nameValuePair "unitConfig.${setting}") (
            lib.filterAttrs isCondition u.unitConfig
          );
      in
      lib.concatLists (
        lib.mapAttrsToList (
          setting: values:
          map (file: {
            inherit unit setting;
            file = toString file;
          }) (lib.toList values)
        ) settings
      )
    ) config.systemd.services
  );
  isRead =
    p: f:
    lib.hasSuffix (pathIn p.id p.service) f.file
    || (f.unit == p.service && lib.hasSuffix "%d/${p.id}" f.file);

  # What to use instead of the credential's path.
  instead =
    id: path:
    "${
      lib.optionalString (cfg.${id}.delivery == "live") ''Set delivery = "boot" for ${id}. ''
    }Use ${path}";

  readBySystemd =
    p:
    map (f: {
      assertion = false;
      message = ''
        systemd.services."${f.unit}".${f.setting}: systemd itself reads ${pathIn p.id p.service},
        before the service has its credentials. ${instead p.id "config.nspawn-creds.credentials.${p.id}.systemPath"}
        in the option that this setting comes from.
      '';
    }) (builtins.filter (isRead p) files);

  # Passwords are set before systemd starts.
  passwordFiles = lib.filterAttrs (_: file: lib.hasPrefix "/run/credentials/" file) (
    lib.mapAttrs (_: user: toString user.hashedPasswordFile) config.users.users
  );
  readAtActivation = lib.concatLists (
    lib.mapAttrsToList (
      user: file:
      map (id: {
        assertion = false;
        message = ''
          users.users.${user}.hashedPasswordFile: passwords are set before systemd starts, when ${file}
          does not exist. ${instead id ''"/run/host/credentials/${id}"''}.
        '';
      }) (builtins.filter (id: lib.hasSuffix "/${id}" file) (builtins.attrNames cfg))
    ) passwordFiles
  );
in
{
  options.nspawn-creds.credentials = mkOption {
    type = types.attrsOf (types.submodule credential);
    default = { };
    description = "The container's credentials, by id.";
  };

  config = lib.mkIf (cfg != { }) {
    systemd.services = lib.mkMerge (
      map (p: { ${p.service} = dropIn p.service // unit p.id p.c; }) pairs
    );

    assertions = map existence pairs ++ lib.concatMap readBySystemd pairs ++ readAtActivation;
  };
}
