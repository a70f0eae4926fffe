# SPDX-License-Identifier: LGPL-2.1-or-later
# A service that only knows an environment file, see README.md.
{
  virtualisation.nspawn.containers.cache = {
    credentials = {
      redis-password.generate = {
        type = "password";
        length = 32;
      };
      "redis-auth.conf" = {
        template = "requirepass {{redis-password}}\n";
        services = [ "redis-cache" ];
      };
      # systemd reads it for the service.
      "redis-exporter.env".template = ''
        REDIS_ADDR=redis://127.0.0.1:6379
        REDIS_PASSWORD={{redis-password}}
      '';
    };
    config =
      { config, ... }:
      let
        inherit (config.nspawn-creds) credentials;
      in
      {
        services.redis.servers.cache = {
          enable = true;
          port = 6379;
          settings.include = credentials."redis-auth.conf".path;
        };
        services.prometheus.exporters.redis = {
          enable = true;
          openFirewall = true;
        };
        systemd.services.prometheus-redis-exporter.serviceConfig.EnvironmentFile =
          credentials."redis-exporter.env".systemPath;
      };
  };
}
