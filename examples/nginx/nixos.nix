# SPDX-License-Identifier: LGPL-2.1-or-later
# nginx with a TLS key that is replaced while it serves, see README.md. With the systemd of NixOS a
# reload brings the new credential, so that no second service is needed.
{
  virtualisation.nixos-nspawn-ephemeral.containers.web = {
    credentials."tls.pem" = {
      fromStore = true;
      delivery = "live";
      services = [ "nginx" ];
      onChange = "reload";
    };
    config =
      { config, ... }:
      let
        tls = config.nspawn-creds.credentials."tls.pem".path;
      in
      {
        networking.firewall.allowedTCPPorts = [ 443 ];
        services.nginx.enable = true;
        services.nginx.virtualHosts.web = {
          onlySSL = true;
          sslCertificate = tls;
          sslCertificateKey = tls;
          root = "/var/www";
        };
      };
  };
}
