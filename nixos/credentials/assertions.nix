# SPDX-License-Identifier: LGPL-2.1-or-later
# Checks a container's credentials. `option` is the option that holds them, `others` the credentials of all
# containers, `fleet` what ../fleet-directory.nix has, `inside` what the container's own configuration has.
{ lib, common }:
{
  machine,
  option,
  credentials,
  others,
  fleet,
  inside,
}:
let
  sources = import ./sources.nix { inherit lib; };

  # Which types of generated secrets have which settings.
  recipeMembers = {
    length = [ "password" ];
    alphabet = [ "password" ];
    bytes = [
      "hex"
      "base64"
    ];
  };
  lengthOf = {
    password = "length";
    hex = "bytes";
    base64 = "bytes";
  };
in
lib.concatLists (
  lib.mapAttrsToList (
    id: c:
    let
      here = "${option}.${lib.strings.escapeNixIdentifier id}";
      given = sources.given c;
      files = import ./files.nix { inherit lib; } {
        inherit machine id;
        inherit (c) delivery;
      };
      room = common.machineAndIdMax - builtins.stringLength machine;

      # What is checked of a source of each kind. `at` is the option that names it.
      ofSource = {
        inherit (files) file;
        sealed =
          at: value:
          if fleet.used && value == fleet.file machine id then
            # of a host that has nothing there, ../fleet-repository.nix speaks
            lib.optionals fleet.hasHost [
              {
                assertion = fleet.has machine id;
                message = ''
                  ${here}: the fleet in ${toString fleet.root} has nothing sealed as ${machine}@${id} for the host
                  "${fleet.host}"${
                    let
                      ids = fleet.idsOf machine;
                    in
                    if ids == [ ] then "" else "; of ${machine} it has: ${lib.concatStringsSep ", " ids}"
                  }. Add it:
                  nspawn-creds fleet add secret ${id} --as=${machine}@${id} --to=${fleet.host}, nspawn-creds fleet seal,
                  git add. Or set another source, such as fromStore = true.
                '';
              }
              {
                assertion = !fleet.has machine id || fleet.isCurrent machine id;
                message = ''
                  ${here}: ${toString value} is not the file that ${toString fleet.sealed}/manifest.json lists.
                  Another host's file does not open here. Make both again: nspawn-creds fleet seal
                '';
              }
            ]
          else
            files.sealed at value;
        share =
          at: value:
          let
            parts = lib.splitString "@" value;
            shared = others.${builtins.head parts} or null;
          in
          [
            {
              assertion = builtins.length parts == 2 && builtins.head parts != "" && lib.last parts != "";
              message = ''${at}: "${value}" is not a credential's name. Set share = "CONTAINER@ID".'';
            }
            {
              assertion = shared == null || shared ? ${lib.last parts};
              message = ''
                ${at}: the container "${builtins.head parts}" has no credential "${lib.last parts}". It has:
                ${lib.concatStringsSep ", " (builtins.attrNames (if shared == null then { } else shared))}.
              '';
            }
          ];
        template =
          at: value:
          map (placeholder: {
            assertion = credentials ? ${placeholder} && placeholder != id;
            message = ''
              ${at}: {{${placeholder}}} is not another credential of this container. ${
                if credentials ? ${lib.trim placeholder} then
                  "Write {{${lib.trim placeholder}}}."
                else
                  "Add it as\n${option}.${placeholder}, with its own source."
              }
            '';
          }) (common.placeholders value);
        generate =
          at: value:
          map
            (member: {
              assertion = value.${member} == null || builtins.elem value.type recipeMembers.${member};
              message = ''
                ${at}.${member}: a secret of type "${value.type}" has no ${member}; ${member} is for
                ${lib.concatStringsSep " and " recipeMembers.${member}}. Remove it${
                  lib.optionalString (lengthOf ? ${value.type}) ", or set ${lengthOf.${value.type}}"
                }.
              '';
            })
            (builtins.attrNames recipeMembers);
        fleet = at: value: [
          {
            assertion = builtins.elem value fleet.fleets;
            message = ''
              ${at}: this host belongs to no fleet "${value}"${
                if fleet.fleets == [ ] then "" else ", but to: ${lib.concatStringsSep ", " fleet.fleets}"
              }. Use the name of one, or
              say who signs for this one: services.nspawn-creds.fleets.${value}.signers = [ "…" ].
            '';
          }
        ];
      };

      # The only source, as an option, for messages.
      source = (builtins.head given).option;
      is = tags: lib.all (s: builtins.elem s.tag tags) given;
      sealedType = lib.findFirst (type: type != null) null (
        map (s: if s.tag == "sealed" then files.keyType s.value else null) given
      );
    in
    [
      {
        assertion = builtins.match "[A-Za-z0-9._-]+" id != null && id != "." && id != "..";
        message = ''${here}: "${id}" is not a valid credential id. Use letters, digits, ".", "_" and "-".'';
      }
      {
        assertion = builtins.stringLength id <= room;
        message = ''
          ${here}: "${machine}" and "${id}" together are too long for the service manager's request.
          For this container, ids have at most ${toString room} characters, and this one has
          ${toString (builtins.stringLength id)}. Use a shorter id.
        '';
      }
      {
        assertion = builtins.length given == 1;
        message = ''
          ${here}: ${
            if given == [ ] then
              "the credential has no source"
            else
              "the credential has more than one source: ${
                lib.concatStringsSep ", " (lib.naturalSort (map (s: s.option) given))
              }"
          }. Set exactly one of sealed, fromStore, generate, template, share, source, fleet and from. Use sealed = ./${id}.cred
          for a file that this command made: ${files.command "-"}
        '';
      }
      {
        assertion = c.delivery != "native" || lib.any (s: s.tag == "sealed" || s.tag == "store") given;
        message = ''
          ${here}.delivery: with "native", systemd can only open sealed files. Use sealed = ./${id}.cred
          or fromStore = true, or delivery = "boot".
        '';
      }
      {
        assertion = c.keyType == null || c.delivery != "native";
        message = ''
          ${here}.keyType: with delivery = "native" systemd opens the sealed file, with any key type. Remove
          keyType, or set delivery = "boot".
        '';
      }
      {
        assertion =
          c.keyType == null
          || is [
            "sealed"
            "store"
            "generate"
            "fleet"
          ];
        message = ''
          ${here}.keyType: a credential from ${source} is not sealed for this container, and has no key type.
          Remove keyType, or set it for the credentials that this one is made of.
        '';
      }
      {
        assertion = c.keyType == null || sealedType == null || sealedType == c.keyType;
        message = ''
          ${here}.keyType: the file in ${source} is sealed with "${toString sealedType}", and the broker refuses all but
          "${toString c.keyType}". Remove keyType, or seal the secret again, on the host itself:
          nspawn-creds encrypt --with-key=${toString c.keyType} --name=${machine}@${id} FILE ${id}.cred
        '';
      }
      {
        assertion = c.onFailure == "keep" || is [ "fleet" ];
        message = ''
          ${here}.onFailure: only a fleet's value can be taken back if a service fails, and this one comes
          from ${source}. Remove onFailure, or set fleet = "…".
        '';
      }
      {
        assertion = c.delivery != "live" || c.services != [ ];
        message = ''
          ${here}.services: services fetch a credential with delivery = "live", and none is named. Set
          services = [ "…" ], or delivery = "boot" to deliver it to the whole container.
        '';
      }
    ]
    ++ lib.concatMap (s: (ofSource.${s.tag} or (_: _: [ ])) "${here}.${s.option}" s.value) given
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
# Otherwise the container would wait for what the host does not give it.
++ lib.mapAttrsToList (
  id: c:
  let
    here = "${option}.${lib.strings.escapeNixIdentifier id}";
  in
  {
    assertion = credentials ? ${id} && c.services == credentials.${id}.services;
    message = ''
      ${here}: the container's config sets nspawn-creds.credentials.${id} itself, but the host decides
      which credentials it gets, and for which services. Move the setting to ${here}.
    '';
  }
) inside
