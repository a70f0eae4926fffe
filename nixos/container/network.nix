# SPDX-License-Identifier: LGPL-2.1-or-later
# The container's side of the network: networkd on all interfaces that nspawn provides.
{ config, lib, ... }:
let
  inherit (lib) mkDefault mkIf;
  inherit (config.virtualisation.nspawn.guest) hostNetwork;

  client = {
    DHCP = mkDefault "yes";
    IPv6AcceptRA = mkDefault "yes";
    LinkLocalAddressing = mkDefault "yes";
    LLMNR = mkDefault "yes";
    MulticastDNS = mkDefault "yes";
    LLDP = mkDefault "yes";
    EmitLLDP = mkDefault "customer-bridge";
  };
in
{
  config = lib.mkMerge [
    (mkIf (!hostNetwork) {
      networking = {
        useNetworkd = true;
        useDHCP = false;
        useHostResolvConf = false;
        firewall.interfaces.host0 = {
          allowedTCPPorts = [ 5355 ]; # LLMNR
          allowedUDPPorts = [
            5353 # mDNS
            5355 # LLMNR
          ];
        };
      };
      systemd.network.networks = {
        "10-host0" = {
          matchConfig = {
            Name = "host0";
            Kind = "veth";
            Virtualization = "container";
          };
          networkConfig = client;
        };
        "10-lan" = {
          matchConfig = {
            Name = "mv-* iv-*";
            Virtualization = "container";
          };
          networkConfig = client;
        };
      };
    })
    (mkIf hostNetwork {
      # The host configures the network, and nspawn copies its resolv.conf.
      networking = {
        useDHCP = false;
        useNetworkd = mkDefault false;
        firewall.enable = mkDefault false;
        resolvconf.enable = false;
        useHostResolvConf = false;
      };
      services.resolved.enable = false;
      systemd.network.enable = false;
    })
  ];
}
