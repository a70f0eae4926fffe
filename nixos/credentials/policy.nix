# SPDX-License-Identifier: LGPL-2.1-or-later
# From a container's credentials to what the broker, the service manager and nspawn are told. All
# pure; host/credentials.nix and nixos-containers.nix put it in place.
{ lib, name }:
let
  set = lib.filterAttrs (_: value: value != null);

  inherit (import ../lib.nix { inherit lib; }) serviceName;

  # A path in the source tree becomes one in the store, which is right for what is sealed.
  pathOf = path: if builtins.isPath path then "${path}" else path;

  source =
    c:
    set {
      sealed = lib.mapNullable pathOf c.sealed;
      store = if c.fromStore then true else null;
      generate = lib.mapNullable set c.generate;
      inherit (c) template share;
      file = lib.mapNullable toString c.source;
    };

  entry =
    c:
    source c
    // {
      inherit (c) delivery onChange;
      services = map serviceName c.services;
    };

  byDelivery = delivery: lib.filterAttrs (_: c: c.delivery == delivery);

  usesBroker = credentials: lib.any (c: c.delivery != "native") (builtins.attrValues credentials);
  isLive = credentials: byDelivery "live" credentials != { };
  # The folder, and not the socket in it, so that one that is made anew is found.
  liveFolder = "/run/nspawn-creds/machines/${name}";
  liveBind = "${liveFolder}:/run/host/nspawn-creds:rootidmap";
in
{
  inherit
    usesBroker
    isLive
    liveFolder
    liveBind
    ;

  # Where a credential comes from, and for a template all that may be in it.
  source =
    credentials: c: [ (source c) ] ++ lib.optionals (c.template != null) (map source (builtins.attrValues credentials));

  policy = credentials: { credentials = lib.mapAttrs (_: entry) credentials; };

  # What the unit that starts the container has to say. The ids that the broker is asked for are bare:
  # the unit already says whose they are. Those of sealed files are what the files are sealed as, which
  # systemd checks. Live sockets are the broker's own; it has to run.
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
      wants = needs;
      after = needs;
      serviceConfig =
        lib.optionalAttrs (boot != [ ]) { LoadCredential = map (id: "${id}:/run/nspawn-creds/broker") boot; }
        // lib.optionalAttrs (native != { }) {
          LoadCredentialEncrypted = lib.mapAttrsToList (
            id: c: "${name}@${id}:${if c.fromStore then "/var/lib/nspawn-creds/store/${name}/${id}.cred" else pathOf c.sealed}"
          ) native;
        };
    };

  # What nspawn-creds-nspawn says on its own, for a start script that it does not serve.
  nspawnFlags =
    credentials:
    map (id: "--load-credential=${id}:${id}") (builtins.attrNames (byDelivery "boot" credentials))
    ++ map (id: "--load-credential=${id}:${name}@${id}") (builtins.attrNames (byDelivery "native" credentials))
    ++ lib.optional (isLive credentials) "--bind-ro=${liveBind}";

  # A new value of these is a reason to start the container again.
  restartTriggers =
    credentials:
    lib.optional (credentials != { }) (
      builtins.toJSON (
        lib.mapAttrs (_: entry) (lib.filterAttrs (_: c: c.delivery != "live" && c.onChange == "restart") credentials)
      )
    );
}
