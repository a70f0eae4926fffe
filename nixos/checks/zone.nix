# SPDX-License-Identifier: LGPL-2.1-or-later
# Two containers in one zone reach each other by name; what each says of the bridge is merged.
{
  nodes.host = {
    virtualisation.nspawn.containers = {
      front = {
        config = { };
        network.veth = {
          zone = "pair";
          config.host.networkConfig.Address = [ "10.77.0.1/24" ];
        };
      };
      back = {
        config = { };
        network.veth = {
          zone = "pair";
          config.host.networkConfig.Address = [ "fd77::1/64" ];
        };
      };
    };
  };

  testScript = ''
    for name in ["front", "back"]:
        host.wait_for_unit(f"systemd-nspawn@{name}.service")
        host.wait_until_succeeds(f"systemctl -M {name} is-active multi-user.target")
    host.wait_until_succeeds("ip address show vz-pair | grep -F 10.77.0.1")
    host.succeed("ip address show vz-pair | grep -F fd77::1")
    host.wait_until_succeeds("machinectl shell front /run/current-system/sw/bin/ping -c 1 back")
    host.wait_until_succeeds("machinectl shell back /run/current-system/sw/bin/ping -c 1 front")
  '';
}
