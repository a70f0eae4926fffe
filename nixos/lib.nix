# SPDX-License-Identifier: LGPL-2.1-or-later
# Names, interfaces and addresses: what several of the modules have to agree on. All pure.
{ lib }:
rec {
  # The kernel's limit for the name of an interface, without the final zero byte.
  interfaceMax = 15;

  # The service manager's request to the broker has room for this much of unit and credential
  # together (broker/base/limits.h).
  unitAndIdMax = 83;

  serviceName = service: if lib.hasSuffix ".service" service then service else "${service}.service";

  unitOf = name: "systemd-nspawn@${name}.service";

  # Labels of letters, digits, "-" and "_", joined by single dots; the broker has the same rule.
  machineNameValid =
    name:
    builtins.stringLength name <= 64
    && builtins.match "[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?([.][A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*" name != null;

  # The containers of which units and files can be made. The others fail an assertion, which has to
  # be reached before something else trips over them.
  named = lib.filterAttrs (name: _: machineNameValid name);

  # A host's name has no dots. What is no machine's name at all is refused elsewhere.
  hostNameOf = name: if machineNameValid name then lib.replaceStrings [ "." ] [ "-" ] name else "container";

  # The bridge of a zone, or the host's end of the veth pair. Null where the host has no interface
  # of its own: without veth, and where somebody else's bridge takes the pair's end.
  hostInterface =
    name: network:
    if !network.veth.enable || network.hostNetwork || network.bridge != null then
      null
    else if network.veth.zone != null then
      "vz-${network.veth.zone}"
    else
      "ve-${name}";

  # All addresses of a networkd network, however they were written, without "0.0.0.0/28" and the
  # like, which stand for whatever is free.
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

  # A module for a submodule that says of itself where it stands, for errors to name. (A set would be
  # taken for the submodule's settings.)
  located = where: module: _: {
    _file = where;
    imports = [ module ];
  };

  # Stable, and different for each host and container: it names the container's journal on the host
  # and is what a DHCP server knows the container by.
  machineId = hostName: name: builtins.substring 0 32 (builtins.hashString "sha256" "nspawn-creds ${hostName} ${name}");
}
