# SPDX-License-Identifier: LGPL-2.1-or-later
# The host's side of the containers' network: networkd on each host end or zone bridge, firewall, and
# the [Network] section of the .nspawn files. No other interface of the host is touched: where the host
# itself does not use networkd, networkd runs for these links alone.
{
  config,
  options,
  lib,
  ...
}:
let
  inherit (lib) mkDefault mkIf mkMerge;
  common = import ../lib.nix { inherit lib; };
  containers = common.named config.virtualisation.nspawn.containers;

  interfaceOf = name: common.hostInterface name containers.${name}.network;
  names = builtins.filter (name: interfaceOf name != null) (builtins.attrNames containers);
  # Containers by the host's interface: one container each, or all of a zone.
  byInterface = builtins.groupBy interfaceOf names;
  isZone = lib.hasPrefix "vz-";

  # Host ends that are ports of a bridge: of a zone's or of an existing one.
  isPort =
    { network, ... }:
    network.veth.enable
    && !network.hostNetwork
    && (network.veth.zone != null || network.bridge != null);
  ports = map (name: "vb-${name}") (builtins.attrNames (lib.filterAttrs (_: isPort) containers));

  # Whether networkd runs only because this module wants it.
  onlyHere = options.systemd.network.enable.highestPrio >= (mkDefault null).priority;

  base = interface: {
    matchConfig = {
      Name = interface;
      Kind = if isZone interface then "bridge" else "veth";
    };
    networkConfig = {
      # networkd chooses a free range, and the same one again while it is free.
      Address = mkDefault [
        (if isZone interface then "0.0.0.0/24" else "0.0.0.0/28")
        "::/64"
      ];
      LinkLocalAddressing = mkDefault "yes";
      DHCPServer = mkDefault "yes";
      # For IPv6, networkd makes the whole host a router, which then ignores routers itself. networkd
      # makes up for that only on interfaces that it manages.
      IPMasquerade = mkDefault (if onlyHere then "ipv4" else "both");
      IPv6AcceptRA = mkDefault "no";
      IPv6SendRA = mkDefault "yes";
      # MAC addresses that nspawn chooses differ, so there is nothing to wait for.
      IPv6DuplicateAddressDetection = mkDefault 0;
      # Names in both directions: a single label with LLMNR, NAME.local with mDNS.
      LLMNR = mkDefault "yes";
      MulticastDNS = mkDefault "yes";
      LLDP = mkDefault "yes";
      EmitLLDP = mkDefault "customer-bridge";
    };
    # The containers are ephemeral, and so are their addresses.
    dhcpServerConfig.PersistLeases = mkDefault "no";
    # The host is online with or without its containers.
    linkConfig.RequiredForOnline = mkDefault "no";
  };

  # Merges the settings of all containers on one interface. If they conflict, the error names the
  # option.
  ofContainer =
    name:
    let
      inherit (containers.${name}.network) veth;
    in
    [
      (mkIf (veth.addresses.host != [ ]) { networkConfig.Address = veth.addresses.host; })
      (mkIf (veth.config.host != null) (
        common.located "virtualisation.nspawn.containers.${name}.network.veth.config.host" veth.config.host
      ))
    ];

  hostNetwork =
    interface: containers: mkMerge ([ (base interface) ] ++ lib.concatMap ofContainer containers);

  port =
    p:
    "${p.protocol}:${toString p.hostPort}:${
      toString (if p.containerPort == null then p.hostPort else p.containerPort)
    }";

  nspawn =
    container:
    let
      inherit (container) network;
    in
    lib.filterAttrs (_: value: value != null && value != [ ]) {
      Private = !network.hostNetwork;
      VirtualEthernet = !network.hostNetwork && network.veth.enable;
      Zone = if network.veth.enable && !network.hostNetwork then network.veth.zone else null;
      Bridge = network.bridge;
      MACVLAN = network.macvlan;
      IPVLAN = network.ipvlan;
      Port = map port network.forwardPorts;
    };

  # Containers with static addresses learn no DNS server from DHCP, so the host's resolved serves them.
  servesDNS =
    name:
    let
      inherit (containers.${name}.network.veth) addresses;
    in
    addresses.host != [ ] && addresses.container != [ ];
  dnsAddresses = map common.withoutPrefix (
    lib.unique (
      lib.concatMap (name: containers.${name}.network.veth.addresses.host) (
        builtins.filter servesDNS names
      )
    )
  );

  # Names without wildcards, because the spelling of wildcards depends on the firewall.
  firewall =
    names:
    let
      dns = lib.optional (lib.any servesDNS names) 53;
    in
    {
      allowedTCPPorts = dns ++ [ 5355 ]; # LLMNR
      allowedUDPPorts = dns ++ [
        67 # DHCP
        5353 # mDNS
        5355 # LLMNR
      ];
    };

  masqueraded = builtins.filter (
    interface:
    config.systemd.network.networks."10-${interface}".networkConfig.IPMasquerade or "no" != "no"
  ) (builtins.attrNames byInterface);
  forwarding = "net.ipv4.conf.all.forwarding";

  option = "virtualisation.nspawn";
in
{
  # nixpkgs warns that networkd and dhcpcd could manage the same interfaces. They do not: networkd leaves
  # all but the containers' links alone, and dhcpcd these.
  options.warnings = lib.mkOption {
    apply = builtins.filter (
      warning: !(onlyHere && lib.hasInfix "can cause both networkd and dhcpcd to manage" warning)
    );
  };

  config = mkMerge [
    (mkIf (containers != { }) {
      systemd.nspawn = lib.mapAttrs (_: container: { networkConfig = nspawn container; }) containers;
    })

    (mkIf (byInterface != { }) {
      systemd.network = {
        enable = mkDefault true;
        networks = lib.mapAttrs' (interface: containers: {
          name = "10-${interface}";
          value = hostNetwork interface containers;
        }) byInterface;
      };

      networking.firewall = {
        interfaces = lib.mapAttrs (_: firewall) byInterface;
        extraForwardRules = mkIf (config.networking.firewall.filterForward && masqueraded != [ ]) ''
          iifname { ${lib.concatMapStringsSep ", " (i: "\"${i}\"") masqueraded} } accept
        '';
      };

      # Packets of a masqueraded network leave through other interfaces.
      # (Overrides the default of nixpkgs, a mkDefault, and gives way to what anybody else says.)
      boot.kernel.sysctl = mkIf (masqueraded != [ ]) { ${forwarding} = lib.mkOverride 900 true; };

      assertions = [
        {
          assertion = config.systemd.network.enable;
          message = ''
            systemd.network.enable = false: systemd-networkd configures the host's end of the containers' links,
            ${lib.concatStringsSep ", " (builtins.attrNames byInterface)}. Remove this setting: networkd leaves all other interfaces alone.
            Or give each container another network: network.veth.enable = false, network.bridge or
            network.hostNetwork in ${option}.containers.<name>.
          '';
        }
      ];
      warnings =
        lib.optional (masqueraded != [ ] && !config.boot.kernel.sysctl.${forwarding}) ''
          boot.kernel.sysctl."${forwarding}" is false, so the containers behind ${lib.concatStringsSep ", " masqueraded}
          reach this host, but nothing beyond it. Remove the setting. If this is intended, set
          network.veth.config.host.networkConfig.IPMasquerade = "no" in ${option}.containers.<name>.
        ''
        ++ lib.optional (!config.services.resolved.enable) ''
          services.resolved.enable = false: the containers behind ${lib.concatStringsSep ", " (builtins.attrNames byInterface)} do not learn this
          host's DNS servers and do not find it by name. Remove the setting, or name the servers in
          network.veth.config.host.dhcpServerConfig.DNS of ${option}.containers.<name>.
        '';
    })

    (mkIf (dnsAddresses != [ ] && config.services.resolved.enable) {
      environment.etc."systemd/resolved.conf.d/nspawn-creds.conf".text = ''
        [Resolve]
        ${lib.concatMapStringsSep "\n" (address: "DNSStubListenerExtra=${address}") dnsAddresses}
      '';
      systemd.services.systemd-resolved.restartTriggers = dnsAddresses;
    })

    (mkIf (ports != [ ]) {
      # Otherwise a host that uses networkd waits for them before it is online.
      systemd.network.networks."10-nspawn-bridged" = {
        matchConfig = {
          Name = ports;
          Kind = "veth";
        };
        networkConfig = {
          KeepMaster = "yes";
          LinkLocalAddressing = "no";
          LLDP = "yes";
          EmitLLDP = "customer-bridge";
        };
        linkConfig.RequiredForOnline = "no";
      };
    })

    (mkIf (byInterface != { } && onlyHere) {
      systemd.network = {
        # Without this the files that systemd installs would match the links of nixpkgs' containers.
        networks."11-nspawn-others" = {
          matchConfig.Name = "*";
          linkConfig.Unmanaged = "yes";
        };
        config.networkConfig = {
          ManageForeignRoutes = mkDefault false;
          ManageForeignRoutingPolicyRules = mkDefault false;
        };
        # It would wait for one of networkd's interfaces, none of which make this host online.
        wait-online.enable = mkDefault false;
      };
    })

    # The other way round: no other network manager touches these links.
    (mkIf (byInterface != { } || ports != [ ]) (
      let
        links = builtins.attrNames byInterface ++ lib.optional (ports != [ ]) "vb-*";
      in
      {
        networking.dhcpcd.denyInterfaces = links;
        services.udev.extraRules = mkIf config.networking.networkmanager.enable ''
          ENV{INTERFACE}=="${lib.concatStringsSep "|" links}", ENV{NM_UNMANAGED}="1"
        '';
      }
    ))
  ];
}
