# SPDX-License-Identifier: LGPL-2.1-or-later
# WireGuard with a private key that never is in a file, see README.md. `nspawn-creds set
# vpn@wg0.key --generate=x25519` on the host prints the public key.
let
  end = wg0: {
    network.veth.zone = "wg";
    credentials."wg0.key" = {
      fromStore = true;
      delivery = "live";
      services = [ "wg-quick-wg0" ];
      onChange = "restart";
    };
    config =
      { config, ... }:
      {
        networking.firewall.allowedUDPPorts = [ 51820 ];
        networking.wg-quick.interfaces.wg0 = wg0 // {
          privateKeyFile = config.nspawn-creds.credentials."wg0.key".path;
        };
      };
  };
in
{
  virtualisation.nspawn.containers = {
    vpn = end {
      address = [ "10.20.40.1/24" ];
      listenPort = 51820;
      peers = [
        {
          publicKey = "kAgfCbmlXxbgN70tMbN+gGwOSXrSKVg7BXHQsLOBJFM="; # of the laptop
          allowedIPs = [ "10.20.40.2/32" ];
        }
      ];
    };
    laptop = end {
      address = [ "10.20.40.2/24" ];
      peers = [
        {
          publicKey = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="; # of the vpn
          endpoint = "vpn:51820";
          allowedIPs = [ "10.20.40.1/32" ];
        }
      ];
    };
  };
}
