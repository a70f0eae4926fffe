# SPDX-License-Identifier: LGPL-2.1-or-later
# A web server in a container, reached through the host's proxy and through a forwarded port.
{ lib, ... }:
{
  nodes = {
    client = { };
    host = {
      networking.firewall.allowedTCPPorts = [ 80 ];
      services.nginx = {
        enable = true;
        recommendedProxySettings = true;
        virtualHosts."_".locations."/".proxyPass = "http://backend";
      };
      # The name is looked up once, when the proxy starts.
      systemd.services.nginx = {
        after = [ "systemd-nspawn@backend.service" ];
        startLimitIntervalSec = lib.mkForce 0;
      };
      virtualisation.nspawn.containers.backend = {
        network.forwardPorts = [
          {
            hostPort = 8080;
            containerPort = 80;
          }
        ];
        config = {
          networking.firewall.allowedTCPPorts = [ 80 ];
          services.nginx = {
            enable = true;
            virtualHosts."backend".locations."/".return = ''200 "from the container"'';
          };
        };
      };
    };
  };

  testScript = ''
    start_all()
    host.wait_for_unit("systemd-nspawn@backend.service")
    host.wait_until_succeeds("curl --fail --silent http://backend | grep 'from the container'")
    host.succeed("systemctl restart nginx.service")
    client.wait_until_succeeds("curl --fail --silent http://host | grep 'from the container'")
    client.wait_until_succeeds("curl --fail --silent http://host:8080 | grep 'from the container'")
  '';
}
