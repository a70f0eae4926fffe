# SPDX-License-Identifier: LGPL-2.1-or-later
# Fixed addresses, in one line and as networkd settings on both sides.
{
  nodes.host = {
    virtualisation.nspawn.containers = {
      line = {
        config = { };
        network.veth.addresses = {
          host = [ "10.23.42.1/24" ];
          container = [ "10.23.42.2/24" ];
        };
      };
      settings = {
        config = { };
        network.veth.config = {
          host.networkConfig = {
            DHCPServer = false;
            Address = [
              "fc42::1/64"
              "192.168.42.1/24"
            ];
          };
          container.networkConfig = {
            DHCP = false;
            Address = [
              "fc42::2/64"
              "192.168.42.2/24"
            ];
            Gateway = [
              "fc42::1"
              "192.168.42.1"
            ];
          };
        };
      };
    };
  };

  testScript = ''
    host.wait_for_unit("systemd-nspawn@line.service")
    host.wait_for_unit("systemd-nspawn@settings.service")
    for address in ["10.23.42.2", "192.168.42.2", "fc42::2"]:
        host.wait_until_succeeds(f"ping -c 1 {address}")
    host.wait_until_succeeds("machinectl shell line /run/current-system/sw/bin/ping -c 1 10.23.42.1")
  '';
}
