# SPDX-License-Identifier: LGPL-2.1-or-later
# Refuses what cannot work at evaluation. Each message names the option, the mistake and the remedy.
{ config, lib, ... }:
let
  common = import ../lib.nix { inherit lib; };
  credentials = import ../credentials/assertions.nix { inherit lib common; };
  cfg = config.virtualisation.nspawn;
  fleet = import ../fleet-directory.nix { inherit config lib; };

  optionOf = name: "virtualisation.nspawn.containers.${lib.strings.escapeNixIdentifier name}";

  # --- names ---------------------------------------------------------------------

  nameAssertions =
    name: container:
    let
      inherit (container.network) veth bridge hostNetwork;
      interface = common.hostInterface name container.network;
      tooLong = what: what != null && builtins.stringLength what > common.interfaceMax;
      room = common.interfaceMax - 3;
      settings = set: builtins.filter (value: value != null && value != [ ]) (builtins.attrValues set);
    in
    [
      {
        assertion = common.machineNameValid name;
        message = ''
          ${optionOf name}: "${name}" is not a valid machine name. Use letters, digits, "-", "_" and single
          dots, at most 64 characters, with a letter or digit at both ends.
        '';
      }
      {
        assertion = !config.containers ? ${name};
        message = ''
          ${optionOf name}: nixpkgs' option containers.${lib.strings.escapeNixIdentifier name} has the same name. Both would be
          one machine, with one policy. Rename one of them.
        '';
      }
      {
        assertion = veth.zone != null || !tooLong interface;
        message = ''
          ${optionOf name}: the name is too long for the host's interface "ve-${name}": interface names have
          at most ${toString common.interfaceMax} characters. Use a name of at most ${toString room} characters, or put
          the container into a zone: network.veth.zone = "…".
        '';
      }
      {
        assertion = veth.zone == null || !tooLong interface;
        message = ''
          ${optionOf name}.network.veth.zone: "${toString veth.zone}" is too long: its bridge would be named
          "${toString interface}", and interface names have at most ${toString common.interfaceMax} characters. Use a zone of
          at most ${toString room} characters.
        '';
      }
      {
        assertion = veth.zone == null || builtins.match "[A-Za-z0-9_-]+" veth.zone != null;
        message = ''
          ${optionOf name}.network.veth.zone: "${toString veth.zone}" cannot be part of an interface name. Use
          letters, digits, "-" and "_".
        '';
      }
      {
        assertion = bridge == null || !tooLong bridge;
        message = ''
          ${optionOf name}.network.bridge: "${toString bridge}" cannot be an interface: their names have at most
          ${toString common.interfaceMax} characters.
        '';
      }
      {
        assertion =
          !hostNetwork
          || (
            veth.zone == null
            && bridge == null
            && container.network.macvlan == [ ]
            && container.network.ipvlan == [ ]
          );
        message = ''
          ${optionOf name}.network.hostNetwork: a container in the host's network cannot have its own interfaces.
          Remove network.veth.zone, network.bridge, network.macvlan and network.ipvlan, or hostNetwork.
        '';
      }
      {
        assertion =
          (veth.enable && !hostNetwork)
          || (settings veth.addresses ++ settings veth.config == [ ] && (veth.zone == null || hostNetwork));
        message = ''
          ${optionOf name}.network.veth: there are settings for a link that this container does not have. Remove
          zone, addresses and config of the link, or network.veth.enable = false and network.hostNetwork.
        '';
      }
      {
        assertion =
          interface == null
          || veth.addresses.container == [ ]
          || common.addressesOf (config.systemd.network.networks."10-${interface}" or { }) != [ ];
        message = ''
          ${optionOf name}.network.veth.addresses.host: the container has a static address, but the host's end of
          the link, its gateway, has none. Set addresses.host = [ "…" ] to one in the same network.
        '';
      }
      {
        assertion = bridge == null || (veth.enable && veth.zone == null);
        message = ''
          ${optionOf name}.network.bridge: the link can join a bridge or a zone, not both, and it must exist.
          Remove network.veth.zone and network.veth.enable = false, or the bridge.
        '';
      }
      {
        assertion = bridge == null || (veth.config.host == null && veth.addresses.host == [ ]);
        message = ''
          ${optionOf name}.network.veth: with network.bridge the host's end is only a port of the bridge. Configure
          the bridge itself, in systemd.network.networks, instead of config.host and addresses.host.
        '';
      }
      {
        assertion = container.network.forwardPorts == [ ] || (interface != null);
        message = ''
          ${optionOf name}.network.forwardPorts: ports are forwarded over the link between host and container, which
          this container does not have. Use network.veth without bridge and hostNetwork, or remove forwardPorts.
        '';
      }
    ];

  # Host names, by default made from the containers' names.
  hostNames = builtins.groupBy (name: lib.toLower (common.hostNameOf name)) (
    builtins.filter common.machineNameValid (builtins.attrNames cfg.containers)
  );
  hostNameAssertions = lib.mapAttrsToList (hostName: names: {
    assertion = builtins.length names == 1;
    message = ''
      ${optionOf (builtins.head names)}: the containers ${lib.concatStringsSep " and " names} would have the same host
      name, ${hostName}. Rename one of them.
    '';
  }) hostNames;

  # --- the system ----------------------------------------------------------------

  systemAssertions =
    name: container:
    let
      inherit (container) given;
      inherit (container.network) veth;
    in
    [
      {
        assertion = given.config || given.path;
        message = ''
          ${optionOf name}: there is no system to run. Set config = { … } to the container's NixOS
          configuration (config = { } for a minimal one), or path = "…" for a system that was built elsewhere.
        '';
      }
      {
        assertion = !(given.config && given.path);
        message = ''
          ${optionOf name}: config and path are both set, but a container runs only one system. Remove one of them.
        '';
      }
      {
        assertion =
          !given.path || given.config || (veth.config.container == null && veth.addresses.container == [ ]);
        message = ''
          ${optionOf name}.network.veth: a system given by path configures its own network. Move config.container
          and addresses.container into that system, as systemd.network.networks."10-host0".
        '';
      }
    ]
    ++
      lib.mapAttrsToList
        (option: guest: {
          assertion =
            !given.path || given.config || !lib.getAttrFromPath (lib.splitString "." option) container;
          message = ''
            ${optionOf name}.${option}: a system given by path decides that itself. Set
            virtualisation.nspawn.guest.${guest} = true in that system, and remove this option.
          '';
        })
        {
          "nixDaemon.enable" = "nixDaemon";
          passwordlessConsole = "passwordlessConsole";
        }
    ++ map (target: {
      assertion = lib.hasPrefix "/" target;
      message = ''
        ${optionOf name}.binds: "${target}" is not an absolute path in the container. Write "/…".
      '';
    }) (builtins.attrNames container.binds)
    ++ lib.optionals (given.config && !given.path) (
      map (a: {
        inherit (a) assertion;
        message = "${optionOf name}.config: ${a.message}";
      }) container.config.assertions
    );

  # --- addresses -----------------------------------------------------------------

  # Every static address with its owner. A zone's bridge is one owner, whichever container configures it.
  hostAddresses = lib.concatLists (
    lib.mapAttrsToList (
      name: network:
      map (address: {
        inherit address;
        owner = "the host's network ${name}";
      }) (common.addressesOf network)
    ) config.systemd.network.networks
  );
  containerAddresses = lib.concatLists (
    lib.mapAttrsToList (
      name: container:
      lib.optionals (container.given.config && !container.given.path) (
        map (address: {
          inherit address;
          owner = "${optionOf name}.network.veth";
        }) (common.addressesOf (container.config.systemd.network.networks."10-host0" or { }))
      )
    ) cfg.containers
  );
  # Every forwarded port of the host.
  ports = lib.concatLists (
    lib.mapAttrsToList (
      name: container:
      map (p: {
        port = "${p.protocol} port ${toString p.hostPort}";
        owner = optionOf name;
      }) container.network.forwardPorts
    ) cfg.containers
  );
  portAssertions = lib.mapAttrsToList (port: owners: {
    assertion = builtins.length owners == 1;
    message = ''
      ${(builtins.head owners).owner}.network.forwardPorts: the host's ${port} is forwarded ${toString (builtins.length owners)} times: by ${
        lib.concatMapStringsSep " and " (o: o.owner) owners
      }. Give each a different hostPort.
    '';
  }) (builtins.groupBy (p: p.port) ports);

  addressAssertions = lib.mapAttrsToList (address: owners: {
    assertion = builtins.length owners == 1;
    message = ''
      The address ${address} is used more than once: by ${
        lib.concatMapStringsSep " and " (o: o.owner) owners
      }. Give each a different address.
    '';
  }) (builtins.groupBy (a: a.address) (hostAddresses ++ containerAddresses));
in
{
  config.assertions = lib.mkIf (cfg.containers != { }) (
    lib.concatLists (
      lib.mapAttrsToList (
        name: container:
        nameAssertions name container
        ++ systemAssertions name container
        ++ credentials {
          machine = name;
          option = "${optionOf name}.credentials";
          inherit (container) credentials;
          others = common.credentialsOf config;
          inherit fleet;
          inside = lib.optionalAttrs (
            container.given.config && !container.given.path
          ) container.config.nspawn-creds.credentials;
        }
      ) cfg.containers
    )
    ++ hostNameAssertions
    ++ addressAssertions
    ++ portAssertions
  );
}
