# SPDX-License-Identifier: LGPL-2.1-or-later
# The host's side of the containers' network: networkd on each host end or zone bridge, firewall, and
# the [Network] section of the .nspawn files.
{ config, lib, ... }:
let
  inherit (lib) mkDefault mkIf mkMerge;
  common = import ../lib.nix { inherit lib; };
  containers = common.named config.virtualisation.nixos-nspawn-ephemeral.containers;

  interfaceOf = name: common.hostInterface name containers.${name}.network;
  names = builtins.filter (name: interfaceOf name != null) (builtins.attrNames containers);
  # Containers by the host's interface: one container each, or all of a zone.
  byInterface = builtins.groupBy interfaceOf names;
  isZone = lib.hasPrefix "vz-";

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
      IPMasquerade = mkDefault "both";
      IPv6AcceptRA = mkDefault "no";
      IPv6SendRA = mkDefault "yes";
      # Names in both directions: a single label with LLMNR, NAME.local with mDNS.
      LLMNR = mkDefault "yes";
      MulticastDNS = mkDefault "yes";
      LLDP = mkDefault "yes";
      EmitLLDP = mkDefault "customer-bridge";
    };
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
        common.located "virtualisation.nixos-nspawn-ephemeral.containers.${name}.network.veth.config.host" veth.config.host
      ))
    ];

  hostNetwork = interface: containers: mkMerge ([ (base interface) ] ++ lib.concatMap ofContainer containers);

  port =
    p:
    "${p.protocol}:${toString p.hostPort}:${toString (if p.containerPort == null then p.hostPort else p.containerPort)}";

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

  # Names without wildcards, because the spelling of wildcards depends on the firewall.
  firewall = {
    allowedTCPPorts = [ 5355 ]; # LLMNR
    allowedUDPPorts = [
      67 # DHCP
      5353 # mDNS
      5355 # LLMNR
    ];
  };

  masqueraded = builtins.filter (
    interface: config.systemd.network.networks."10-${interface}".networkConfig.IPMasquerade or "no" != "no"
  ) (builtins.attrNames byInterface);
in
{
  config = mkIf (containers != { }) {
    systemd.nspawn = lib.mapAttrs (_: container: { networkConfig = nspawn container; }) containers;

    networking = {
      useNetworkd = mkDefault true;
      firewall.interfaces = lib.mapAttrs (_: _: firewall) byInterface;
      firewall.extraForwardRules = mkIf (config.networking.firewall.filterForward && masqueraded != [ ]) ''
        iifname { ${lib.concatMapStringsSep ", " (i: "\"${i}\"") masqueraded} } accept
      '';
    };

    # Packets of a masqueraded network leave through other interfaces. IPv6 is left to networkd, because
    # forwarding on all interfaces would disable the host's own router discovery.
    # (The option takes one definition; nixpkgs' own modules that need forwarding use 97 to 99.)
    boot.kernel.sysctl = mkIf (masqueraded != [ ]) { "net.ipv4.conf.all.forwarding" = lib.mkOverride 96 true; };

    systemd.network = {
      enable = true;
      networks =
        lib.mapAttrs' (interface: containers: {
          name = "10-${interface}";
          value = hostNetwork interface containers;
        }) byInterface
        // {
          # Veth ends in a bridge are configured through the bridge.
          "10-nspawn-bridged" = {
            matchConfig = {
              Name = "vb-*";
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
        };
    };
  };
}
