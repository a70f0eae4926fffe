# SPDX-License-Identifier: LGPL-2.1-or-later
# PostgreSQL and an application that share a generated password, see README.md.
{
  virtualisation.nspawn.containers = {
    db = {
      network.veth.zone = "app";
      # The database survives the container.
      binds."/var/lib/postgresql" = {
        hostPath = "/var/lib/app-db";
        options = [ "idmap" ];
      };
      credentials.app-password = {
        generate = {
          type = "password";
          length = 32;
        };
        services = [ "app-role" ];
      };
      config =
        { config, lib, ... }:
        {
          networking.firewall.allowedTCPPorts = [ 5432 ];
          services.postgresql = {
            enable = true;
            enableTCPIP = true;
            authentication = "host app app samenet scram-sha-256";
          };
          systemd.services.app-role = {
            description = "Role and Database of the Application";
            wantedBy = [ "multi-user.target" ];
            requires = [ "postgresql.service" ];
            after = [ "postgresql.service" ];
            serviceConfig = {
              Type = "oneshot";
              RemainAfterExit = true;
              User = "postgres";
              ExecStart = "${lib.getExe' config.services.postgresql.package "psql"} --no-psqlrc --set=ON_ERROR_STOP=1 --file=${./db/etc/app-role.sql}";
              CapabilityBoundingSet = "";
              NoNewPrivileges = true;
              PrivateNetwork = true;
              PrivateTmp = true;
              ProtectHome = true;
              ProtectSystem = "strict";
            };
          };
        };
    };

    app = {
      network.veth.zone = "app";
      credentials.app-password.share = "db@app-password";
      credentials."pg_service.conf" = {
        template = ''
          [app]
          host=db
          dbname=app
          user=app
          password={{app-password}}
        '';
        services = [ "app" ];
      };
      config =
        { lib, pkgs, ... }:
        {
          systemd.services.app = {
            description = "Application";
            wantedBy = [ "multi-user.target" ];
            after = [ "network.target" ];
            environment = {
              PGSERVICEFILE = "%d/pg_service.conf";
              PGSERVICE = "app";
            };
            # The database may come up later.
            unitConfig.StartLimitIntervalSec = 0;
            serviceConfig = {
              Type = "oneshot";
              RemainAfterExit = true;
              Restart = "on-failure";
              RestartSec = "2s";
              DynamicUser = true;
              ExecStart = "${lib.getExe' pkgs.postgresql "psql"} --no-psqlrc --no-password ${
                lib.escapeShellArgs [
                  "--command=CREATE TABLE IF NOT EXISTS starts (at timestamptz DEFAULT now())"
                  "--command=INSERT INTO starts DEFAULT VALUES"
                ]
              }";
              CapabilityBoundingSet = "";
              PrivateDevices = true;
              ProtectHome = true;
              RestrictAddressFamilies = [
                "AF_INET"
                "AF_INET6"
                "AF_NETLINK"
                "AF_UNIX"
              ];
              SystemCallFilter = "@system-service";
            };
          };
        };
    };
  };
}
