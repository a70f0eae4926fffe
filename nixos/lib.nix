# SPDX-License-Identifier: LGPL-2.1-or-later
# Names, interfaces and addresses that several modules must agree on. All functions are pure.
{ lib }:
rec {
  # The kernel's limit for interface names, without the final zero byte.
  interfaceMax = 15;

  # The service manager's request to the broker has room for this many bytes of unit name and
  # credential id together (lib/base/limits.h).
  unitAndIdMax = 83;
  # The broker has this limit for all machines, whatever starts them.
  machineAndIdMax = unitAndIdMax - builtins.stringLength "systemd-nspawn@.service";

  serviceName = service: if lib.hasSuffix ".service" service then service else "${service}.service";
  unitName = lib.removeSuffix ".service";

  # "worker@", whose instances are "worker@1" and so on.
  isTemplate = service: lib.hasSuffix "@" (unitName service);

  unitOf = name: "systemd-nspawn@${name}.service";

  # Labels of letters, digits, "-" and "_", joined by single dots. The broker has the same rule.
  machineNameValid =
    name:
    builtins.stringLength name <= 64
    &&
      builtins.match "[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?([.][A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*" name
      != null;

  # Containers whose names are valid in units and files. The others fail an assertion, which must be
  # reached before another error hides it.
  named = lib.filterAttrs (name: _: machineNameValid name);

  # The ids that a template names. Four braces mean two literal ones.
  placeholders =
    template:
    map builtins.head (
      builtins.filter builtins.isList (
        builtins.split "[{][{]([^{}]*)[}][}]" (lib.replaceStrings [ "{{{{" ] [ "" ] template)
      )
    );

  # The credentials of all containers of the host, of both kinds.
  credentialsOf =
    config:
    lib.mapAttrs (_: _: { }) (config.containers // config.virtualisation.nspawn.containers or { })
    // lib.mapAttrs (_: policy: policy.credentials or { }) config.services.nspawn-creds.policies;

  # Host names have no dots. Invalid machine names are refused elsewhere.
  hostNameOf =
    name: if machineNameValid name then lib.replaceStrings [ "." ] [ "-" ] name else "container";

  # The bridge of a zone, or the host's end of the veth pair. Null if the host has no interface to
  # configure: without veth, or if the end is part of an existing bridge.
  hostInterface =
    name: network:
    if !network.veth.enable || network.hostNetwork || network.bridge != null then
      null
    else if network.veth.zone != null then
      "vz-${network.veth.zone}"
    else
      "ve-${name}";

  # All addresses of a networkd network, in whichever option they were written, without those like
  # "0.0.0.0/28", which mean any free one.
  addressesOf =
    network:
    let
      inSection = lib.toList (network.networkConfig.Address or [ ]);
      sections = map (a: a.Address or a.addressConfig.Address or null) (network.addresses or [ ]);
      given = builtins.filter (a: a != null) (inSection ++ (network.address or [ ]) ++ sections);
      bare = map (a: lib.toLower (withoutPrefix a)) given;
    in
    builtins.filter (a: a != "0.0.0.0" && a != "::") (lib.unique bare);

  withoutPrefix = address: builtins.head (lib.splitString "/" address);

  # A module for a submodule that carries its location for error messages. (A set would be taken for
  # the submodule's settings.)
  located = where: module: _: {
    _file = where;
    imports = [ module ];
  };

  # Stable, and different for each host and container. It names the container's journal on the host,
  # and DHCP servers identify the container by it.
  machineId =
    hostName: name:
    builtins.substring 0 32 (builtins.hashString "sha256" "nspawn-creds ${hostName} ${name}");
}
