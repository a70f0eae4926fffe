# SPDX-License-Identifier: LGPL-2.1-or-later
# What is wrong with a container's credentials, and what to write. `option` is the option that holds
# them, `unit` the unit that starts the container, `others` the credentials of all containers.
{ lib, common }:
{
  machine,
  option,
  unit,
  credentials,
  others,
}:
let
  inherit (lib) optional;

  sources = {
    sealed = c: c.sealed != null;
    fromStore = c: c.fromStore;
    generate = c: c.generate != null;
    template = c: c.template != null;
    share = c: c.share != null;
    source = c: c.source != null;
  };

  # Four braces are a way to write two.
  placeholders =
    template: map builtins.head (builtins.filter builtins.isList (builtins.split "[{][{]([^{}]*)[}][}]" (lib.replaceStrings [ "{{{{" ] [ "" ] template)));

  # Both a path literal, which evaluation would copy there, and a string.
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
        message = ''${here}: "${id}" cannot be a credential's id. Use letters, digits, ".", "_" and "-".'';
      }
      {
        assertion = length <= common.unitAndIdMax;
        message = ''
          ${here}: "${machine}" and "${id}" together are too long for the service manager to ask for the
          credential of ${unit}: with this container's name, ids have at most ${toString room} characters, and
          this one has ${toString (builtins.stringLength id)}. Use a shorter id.
        '';
      }
      {
        assertion = builtins.length chosen == 1;
        message = ''
          ${here}: ${
            if chosen == [ ] then
              "nothing says where the credential comes from"
            else
              "the credential comes from more than one place: ${lib.concatStringsSep ", " chosen}"
          }. Set exactly one of sealed, fromStore, generate, template, share and source; sealed = ./FILE.cred is
          for a file made by: nspawn-creds seal --name=${machine}@${id} …
        '';
      }
      {
        assertion = c.source == null || !inStore c.source;
        message = ''
          ${here}.source: ${toString c.source} would be in the Nix store in plain, where every user of the host
          can read it. Seal the secret: nspawn-creds seal --host=HOST.json --name=${machine}@${id} FILE
          ${id}.cred, and write sealed = ./${id}.cred. For a file that something else puts on the
          host, write its path as a string: source = "/run/…".
        '';
      }
      {
        assertion = c.source == null || inStore c.source || lib.hasPrefix "/" c.source;
        message = ''${here}.source: "${toString c.source}" is no absolute path. Write source = "/run/…".'';
      }
      {
        assertion = c.sealed == null || builtins.isPath c.sealed || lib.hasPrefix "/" c.sealed;
        message = ''
          ${here}.sealed: "${toString c.sealed}" is no path. Write sealed = ./${id}.cred for a file beside the
          configuration, without quotation marks, or an absolute path on the host.
        '';
      }
      {
        assertion = !builtins.isPath c.sealed || !builtins.pathExists c.sealed || import ./sealed.nix { inherit lib; } c.sealed;
        message = ''
          ${here}.sealed: ${toString c.sealed} is not a sealed credential, and would be in the Nix store as it
          is. If it is the secret itself, seal it: nspawn-creds seal --host=HOST.json --name=${machine}@${id}
          FILE ${id}.cred, and write sealed = ./${id}.cred.
        '';
      }
      {
        assertion = c.delivery != "native" || c.sealed != null || c.fromStore;
        message = ''
          ${here}.delivery: systemd by itself ("native") opens nothing but sealed files. Use sealed = ./${id}.cred
          or fromStore = true, or delivery = "boot".
        '';
      }
      {
        assertion = c.delivery != "live" || c.services != [ ];
        message = ''
          ${here}.services: a credential with delivery = "live" is fetched by services, and none is named. Write
          services = [ "…" ], or delivery = "boot" for one that is there for the whole container.
        '';
      }
      {
        assertion = c.share == null || (builtins.length parts == 2 && builtins.head parts != "" && lib.last parts != "");
        message = ''${here}.share: "${toString c.share}" is no credential of a container. Write share = "CONTAINER@ID".'';
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
        ${here}.template: {{${placeholder}}} is no other credential of this container. Add it as
        ${option}.${placeholder}, with its own source.
      '';
    }) (if c.template == null then [ ] else placeholders c.template)
    ++ map (service: {
      assertion = builtins.match "[A-Za-z0-9:_.@-]+" service != null && builtins.match ".*[.](socket|timer|target|mount|path|slice)" service == null;
      message = ''${here}.services: "${service}" is no service. Write its name, such as "postgresql".'';
    }) c.services
    ++ lib.concatMap (
      service:
      optional (c.delivery == "live") {
        assertion = builtins.stringLength (common.serviceName service) + builtins.stringLength id <= common.unitAndIdMax;
        message = ''
          ${here}.services: "${service}" and "${id}" together are too long for the container's service manager
          to ask for the credential: they may have ${toString (common.unitAndIdMax - 8)} characters. Use a shorter id.
        '';
      }
    ) c.services
  ) credentials
)
