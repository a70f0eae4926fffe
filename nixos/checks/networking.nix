# SPDX-License-Identifier: LGPL-2.1-or-later
# MACVLAN, a bridge of the host's, and the host's own network.
{
  nodes.host = {
    virtualisation.vlans = [ 1 ];
    systemd.network = {
      netdevs."20-br0".netdevConfig = {
        Name = "br0";
        Kind = "bridge";
      };
      networks."20-br0" = {
        matchConfig.Name = "br0";
        networkConfig = {
          Address = [ "10.66.0.1/24" ];
          DHCPServer = true;
          ConfigureWithoutCarrier = true;
        };
      };
    };
    networking.firewall.interfaces.br0.allowedUDPPorts = [ 67 ];
    virtualisation.nspawn.containers = {
      lan = {
        config.systemd.network.networks."10-lan".networkConfig.Address = [ "192.168.1.77/24" ];
        network.veth.enable = false;
        network.macvlan = [ "eth1" ];
      };
      bridged = {
        config = { };
        network.bridge = "br0";
      };
      shared = {
        config = { };
        network.hostNetwork = true;
      };
    };
  };
  nodes.neighbour.virtualisation.vlans = [ 1 ];

  testScript = ''
    start_all()
    for name in ["lan", "bridged", "shared"]:
        host.wait_for_unit(f"systemd-nspawn@{name}.service")
        host.wait_until_succeeds(f"systemctl -M {name} is-active multi-user.target")
    neighbour.wait_until_succeeds("ping -c 1 192.168.1.77")
    host.wait_until_succeeds("machinectl shell bridged /run/current-system/sw/bin/ping -c 1 10.66.0.1")
    host.succeed("machinectl shell shared /run/current-system/sw/bin/ip link show br0 | grep br0")
  '';
}
