# SPDX-License-Identifier: LGPL-2.1-or-later
# Checks a container's credentials. `option` is the option that holds them, `unit` the unit that
# starts the container, `others` the credentials of all containers.
{ lib, common }:
{
  machine,
  option,
  unit,
  credentials,
  others,
}:
let
  sources = {
    sealed = c: c.sealed != null;
    fromStore = c: c.fromStore;
    generate = c: c.generate != null;
    template = c: c.template != null;
    share = c: c.share != null;
    source = c: c.source != null;
  };

  # Evaluation copies a path literal to the store; a string may point into it.
  inStore = path: builtins.isPath path || lib.hasPrefix builtins.storeDir path;
in
lib.concatLists (
  lib.mapAttrsToList (
    id: c:
    let
      here = "${option}.${lib.strings.escapeNixIdentifier id}";
      chosen = builtins.filter (s: sources.${s} c) (builtins.attrNames sources);
      length = builtins.stringLength unit + builtins.stringLength id;
      room = common.unitAndIdMax - builtins.stringLength unit;
      parts = lib.splitString "@" (if c.share == null then "" else c.share);
      shared = others.${builtins.head parts} or null;
    in
    [
      {
        assertion = builtins.match "[A-Za-z0-9._-]+" id != null && id != "." && id != "..";
        message = ''${here}: "${id}" is not a valid credential id. Use letters, digits, ".", "_" and "-".'';
      }
      {
        assertion = length <= common.unitAndIdMax;
        message = ''
          ${here}: "${machine}" and "${id}" together are too long for the service manager's request in
          ${unit}. For this container, ids have at most ${toString room} characters, and this one has
          ${toString (builtins.stringLength id)}. Use a shorter id.
        '';
      }
      {
        assertion = builtins.length chosen == 1;
        message = ''
          ${here}: ${
            if chosen == [ ] then
              "the credential has no source"
            else
              "the credential has more than one source: ${lib.concatStringsSep ", " chosen}"
          }. Set exactly one of sealed, fromStore, generate, template, share and source. Use sealed = ./${id}.cred
          for a file that this command made: nspawn-creds seal --host=HOST.json --name=${machine}@${id} - ${id}.cred
        '';
      }
      {
        assertion = c.source == null || !inStore c.source;
        message = ''
          ${here}.source: ${toString c.source} would be in the Nix store in plaintext, where every user of the host
          can read it. Seal the secret (nspawn-creds seal --host=HOST.json --name=${machine}@${id} FILE
          ${id}.cred) and set sealed = ./${id}.cred. For a file that another program puts on the
          host, set source to its path as a string: source = "/run/…".
        '';
      }
      {
        assertion = c.source == null || inStore c.source || lib.hasPrefix "/" c.source;
        message = ''${here}.source: "${toString c.source}" is not an absolute path. Set source = "/run/…".'';
      }
      {
        assertion = c.sealed == null || builtins.isPath c.sealed || lib.hasPrefix "/" c.sealed;
        message = ''
          ${here}.sealed: "${toString c.sealed}" is not an absolute path. For a file beside the configuration,
          set sealed = ./${id}.cred, without quotation marks.
        '';
      }
      {
        assertion = !builtins.isPath c.sealed || builtins.pathExists c.sealed;
        message = ''
          ${here}.sealed: ${toString c.sealed} does not exist. A flake sees it after git add.
          To seal the credential: nspawn-creds seal --host=HOST.json --name=${machine}@${id} - ${id}.cred
        '';
      }
      {
        assertion =
          !builtins.isPath c.sealed
          || !builtins.pathExists c.sealed
          || import ./sealed.nix { inherit lib; } c.sealed;
        message = ''
          ${here}.sealed: ${toString c.sealed} is not a sealed credential, but would be copied to the Nix store.
          If it is the secret itself, seal it: nspawn-creds seal --host=HOST.json --name=${machine}@${id}
          FILE ${id}.cred, and set sealed = ./${id}.cred.
        '';
      }
      {
        assertion = c.delivery != "native" || c.sealed != null || c.fromStore;
        message = ''
          ${here}.delivery: with "native", systemd can only open sealed files. Use sealed = ./${id}.cred
          or fromStore = true, or delivery = "boot".
        '';
      }
      {
        assertion = c.delivery != "live" || c.services != [ ];
        message = ''
          ${here}.services: services fetch a credential with delivery = "live", and none is named. Set
          services = [ "…" ], or delivery = "boot" to deliver it to the whole container.
        '';
      }
      {
        assertion =
          c.share == null
          || (builtins.length parts == 2 && builtins.head parts != "" && lib.last parts != "");
        message = ''${here}.share: "${toString c.share}" is not a credential's name. Set share = "CONTAINER@ID".'';
      }
      {
        assertion = c.share == null || shared == null || shared ? ${lib.last parts};
        message = ''
          ${here}.share: the container "${builtins.head parts}" has no credential "${lib.last parts}". It has:
          ${lib.concatStringsSep ", " (builtins.attrNames (if shared == null then { } else shared))}.
        '';
      }
    ]
    ++ map (placeholder: {
      assertion = credentials ? ${placeholder} && placeholder != id;
      message = ''
        ${here}.template: {{${placeholder}}} is not another credential of this container. Add it as
        ${option}.${placeholder}, with its own source.
      '';
    }) (if c.template == null then [ ] else common.placeholders c.template)
    ++ map (service: {
      assertion =
        builtins.match "[A-Za-z0-9:_.@-]+" service != null
        && builtins.match ".*[.](socket|timer|target|mount|path|slice)" service == null;
      message = ''${here}.services: "${service}" is not a service. Use a service's name, such as "postgresql".'';
    }) c.services
    ++ lib.optionals (c.delivery == "live") (
      lib.concatMap (service: [
        {
          assertion = !common.isTemplate service;
          message = ''
            ${here}.services: "${service}" is a template, and with delivery = "live" each service that may fetch
            the credential is named. Name the instances: services = [ "${common.unitName service}1" ], or
            set delivery = "boot".
          '';
        }
        {
          assertion =
            builtins.stringLength (common.serviceName service) + builtins.stringLength id
            <= common.unitAndIdMax;
          message = ''
            ${here}.services: "${service}" and "${id}" together are too long for the request of the container's
            service manager: at most ${toString (common.unitAndIdMax - 8)} characters. Use a shorter id.
          '';
        }
      ]) c.services
    )
  ) credentials
)
