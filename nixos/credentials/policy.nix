# SPDX-License-Identifier: LGPL-2.1-or-later
# Turns a container's credentials into settings for the broker, the service manager and nspawn. All
# functions are pure; host/credentials.nix and nixos-containers.nix use them. `policies` are those of all
# containers, because credentials are shared between them.
{
  lib,
  name,
  store,
  policies,
}:
let
  set = lib.filterAttrs (_: value: value != null);

  inherit (import ../lib.nix { inherit lib; }) placeholders serviceName;
  sources = import ./sources.nix { inherit lib; };

  # The source, as the policy has it. A path of the source tree is copied to the Nix store, which is safe
  # for sealed files. Names there have no "@", as files in a fleet's repository do.
  source =
    c:
    lib.mapAttrs (
      tag: value:
      {
        sealed =
          if builtins.isPath value then
            builtins.path {
              path = value;
              name = lib.strings.sanitizeDerivationName (baseNameOf value);
            }
          else
            value;
        generate = set value;
        file = toString value;
      }
      .${tag} or value
    ) (sources.of c);

  entry =
    c:
    source c
    // {
      inherit (c) delivery onChange;
      services = map serviceName c.services;
    }
    // set { inherit (c) keyType; }
    // lib.optionalAttrs (c.onFailure != "keep") { inherit (c) onFailure; };

  # A credential and, through shares and templates, all that it is made of: a change of any of these is
  # a change of its value. What no policy here lists has no entry.
  madeOf =
    id:
    let
      part = machine: id: {
        key = "${machine}@${id}";
        inherit machine;
        entry = policies.${machine}.credentials.${id} or { };
      };
      shared = lib.splitString "@";
      ingredients =
        { machine, entry, ... }:
        map (part machine) (placeholders (entry.template or ""))
        ++ lib.optional (entry ? share) (
          part (builtins.head (shared entry.share)) (lib.last (shared entry.share))
        );
      parts = builtins.genericClosure {
        startSet = [ (part name id) ];
        operator = ingredients;
      };
    in
    map (p: [
      p.key
      (removeAttrs p.entry [
        "delivery"
        "services"
        "onChange"
        "onFailure"
      ])
    ]) parts;

  byDelivery = delivery: lib.filterAttrs (_: c: c.delivery == delivery);

  usesBroker = credentials: lib.any (c: c.delivery != "native") (builtins.attrValues credentials);
  isLive = credentials: byDelivery "live" credentials != { };
  atStart =
    credentials: builtins.attrNames (lib.filterAttrs (_: c: c.delivery != "live") credentials);
  # The directory and not the socket in it, so that a new socket is found.
  liveFolder = "/run/nspawn-creds/machines/${name}";
  liveBind = "${liveFolder}:/run/host/nspawn-creds:rootidmap";
in
{
  inherit
    usesBroker
    isLive
    atStart
    liveFolder
    liveBind
    ;

  policy = credentials: { credentials = lib.mapAttrs (_: entry) credentials; };

  # Settings of the unit that starts the container. Requests to the broker use the bare id, because the
  # unit already names the machine. Sealed files use the name that is sealed in them, which systemd
  # checks. Live sockets exist only while the broker runs.
  unitSettings =
    credentials:
    let
      boot = builtins.attrNames (byDelivery "boot" credentials);
      native = byDelivery "native" credentials;
      needs =
        lib.optional (usesBroker credentials) "nspawn-creds-broker.socket"
        ++ lib.optional (isLive credentials) "nspawn-creds-broker.service";
    in
    {
      documentation = [ "man:nspawn-creds-why(1)" ];
      wants = needs;
      after = needs;
      serviceConfig =
        lib.optionalAttrs (boot != [ ]) {
          LoadCredential = map (id: "${id}:/run/nspawn-creds/broker") boot;
        }
        // lib.optionalAttrs (native != { }) {
          LoadCredentialEncrypted = lib.mapAttrsToList (
            id: c: "${name}@${id}:${(source c).sealed or "${store}/${name}/${id}.cred"}"
          ) native;
        };
    };

  # The options that nspawn-creds-nspawn would add, for a start script that does not call it.
  nspawnFlags =
    credentials:
    map (id: "--load-credential=${id}:${id}") (builtins.attrNames (byDelivery "boot" credentials))
    ++ map (id: "--load-credential=${id}:${name}@${id}") (
      builtins.attrNames (byDelivery "native" credentials)
    )
    ++ lib.optional (isLive credentials) "--bind-ro=${liveBind}";

  # A change of these restarts the container.
  restartTriggers =
    credentials:
    lib.optional (credentials != { }) (
      builtins.toJSON (
        lib.mapAttrs (id: c: {
          inherit (c) delivery services;
          madeOf = madeOf id;
        }) (lib.filterAttrs (_: c: c.delivery != "live" && c.onChange == "restart") credentials)
      )
    );

  # If a switch changes what a live credential is made of, its services are restarted or reloaded as
  # after a rotation, and the container keeps running. A container that does not run gets the new value
  # when it starts. "@" occurs neither in the container's name nor in the id.
  changedServices =
    { pkgs, systemd }:
    credentials:
    lib.mapAttrs' (
      id: c:
      lib.nameValuePair "nspawn-creds-changed-${name}@${id}" {
        description = "Services That Use ${name}@${id}";
        wantedBy = [ "multi-user.target" ];
        reloadTriggers = [ (builtins.toJSON (madeOf id)) ];
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
          ExecStart = "${pkgs.coreutils}/bin/true";
          ExecReload = "-${systemd}/bin/systemctl --machine=${name} ${
            if c.onChange == "reload" then "try-reload-or-restart" else "try-restart"
          } ${lib.concatStringsSep " " (map serviceName c.services)}";
        };
      }
    ) (lib.filterAttrs (_: c: c.onChange != "none") (byDelivery "live" credentials));
}
