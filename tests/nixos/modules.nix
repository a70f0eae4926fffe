# SPDX-License-Identifier: LGPL-2.1-or-later
# Modules of nixpkgs that take the path of a secret, by the credential's id: the option, the service,
# which path it takes, and the texts of the service's unit in which that has to arrive. `systemPath` is
# for what systemd itself reads.
{ lib }:
let
  systemd = setting: {
    path = "systemPath";
    arrives = _: unit: lib.toList unit.serviceConfig.${setting};
  };
  service = arrives: {
    path = "path";
    arrives = _: arrives;
  };
  script = service (u: [
    u.script
    u.preStart
    u.postStart
  ]);
  environment = service (u: builtins.attrValues u.environment);
  # The path is in a file that the service reads.
  elsewhere = text: {
    path = "path";
    arrives = config: _: [ (text config.services) ];
  };

  # A package of which only the name and the version matter.
  stub =
    name:
    derivation {
      inherit name;
      system = "x86_64-linux";
      builder = "none";
    }
    // {
      pname = name;
      version = "29";
      meta.mainProgram = name;
      override = _: stub name;
      propagatedBuildInputs = [ ];
      nltkData = [ ];
      python.pkgs = {
        gunicorn = stub "gunicorn";
        makePythonPath = _: "";
      };
    };

in
lib.mapAttrs (name: row: { service = name; } // row) {
  acme = {
    service = "acme-example.org";
    option = "security.acme.certs.NAME.environmentFile";
    config = file: {
      security.acme = {
        acceptTerms = true;
        defaults.email = "admin@example.org";
        certs."example.org" = {
          dnsProvider = "rfc2136";
          environmentFile = file;
        };
      };
    };
  }
  // systemd "EnvironmentFile";
  miniflux = {
    option = "services.miniflux.adminCredentialsFile";
    config = file: {
      services.miniflux = {
        enable = true;
        adminCredentialsFile = file;
      };
    };
  }
  // systemd "EnvironmentFile";
  oauth2-proxy = {
    option = "services.oauth2-proxy.keyFile";
    config = file: {
      services.oauth2-proxy = {
        enable = true;
        keyFile = file;
        email.domains = [ "*" ];
      };
    };
  }
  // systemd "EnvironmentFile";
  forgejo = {
    option = "services.forgejo.secrets";
    config = file: {
      services.forgejo = {
        enable = true;
        secrets.mailer.PASSWD = file;
      };
    };
  }
  // systemd "LoadCredential";
  mosquitto = {
    option = "services.mosquitto.listeners.*.users.NAME.passwordFile";
    config = file: {
      services.mosquitto = {
        enable = true;
        listeners = [ { users.a.passwordFile = file; } ];
      };
    };
  }
  // systemd "LoadCredential";
  keycloak = {
    option = "services.keycloak.database.passwordFile";
    config = file: {
      services.keycloak = {
        enable = true;
        settings.hostname = "keycloak";
        database = {
          passwordFile = file;
          createLocally = false;
        };
      };
    };
  }
  // systemd "LoadCredential";
  vaultwarden = {
    option = "services.vaultwarden.environmentFile";
    config = file: {
      services.vaultwarden = {
        enable = true;
        webVaultPackage = stub "webvault";
        environmentFile = file;
      };
    };
  }
  // systemd "EnvironmentFile";
  restic = {
    service = "restic-backups-home";
    option = "services.restic.backups.NAME.environmentFile";
    config = file: {
      services.restic.backups.home = {
        repository = "/backup";
        environmentFile = file;
        paths = [ "/home" ];
      };
    };
  }
  // systemd "EnvironmentFile";
  restic-password = {
    service = "restic-backups-home";
    option = "services.restic.backups.NAME.passwordFile";
    config = file: { services.restic.backups.home.passwordFile = file; };
  }
  // environment;
  paperless = {
    service = "paperless-scheduler";
    option = "services.paperless.passwordFile";
    config = file: {
      services.paperless = {
        enable = true;
        package = stub "paperless";
        passwordFile = file;
      };
    };
  }
  // systemd "LoadCredential";
  mastodon = {
    service = "mastodon-web";
    option = "services.mastodon.extraEnvFiles";
    config = file: {
      services.mastodon = {
        enable = true;
        localDomain = "mastodon.example.org";
        streamingProcesses = 1;
        configureNginx = true;
        extraEnvFiles = [ file ];
        smtp.fromAddress = "a@example.org";
      };
    };
  }
  // systemd "EnvironmentFile";
  mastodon-smtp = {
    service = "mastodon-init-dirs";
    option = "services.mastodon.smtp.passwordFile";
    config = file: {
      services.mastodon.smtp = {
        authenticate = true;
        user = "a";
        passwordFile = file;
      };
    };
  }
  // script;
  hedgedoc = {
    option = "services.hedgedoc.environmentFile";
    config = file: {
      services.hedgedoc = {
        enable = true;
        environmentFile = file;
        settings.domain = "h";
      };
    };
  }
  // systemd "EnvironmentFile";
  minio = {
    option = "services.minio.rootCredentialsFile";
    config = file: {
      services.minio = {
        enable = true;
        rootCredentialsFile = file;
      };
    };
  }
  // systemd "EnvironmentFile";
  murmur = {
    option = "services.murmur.environmentFile";
    config = file: {
      services.murmur = {
        enable = true;
        environmentFile = file;
      };
    };
  }
  // systemd "EnvironmentFile";
  gitea = {
    option = "services.gitea.database.passwordFile";
    config = file: {
      services.gitea = {
        enable = true;
        database.passwordFile = file;
      };
    };
  }
  // script;
  nextcloud = {
    service = "nextcloud-setup";
    option = "services.nextcloud.config.adminpassFile";
    config = file: {
      services.nextcloud = {
        enable = true;
        package = stub "nextcloud";
        phpPackage = lib.mkForce (stub "php" // { buildEnv = _: stub "php"; });
        hostName = "cloud";
        config = {
          dbtype = "sqlite";
          adminpassFile = file;
        };
      };
    };
  }
  // script;
  matrix-synapse = {
    option = "services.matrix-synapse.extraConfigFiles";
    config = file: {
      services.matrix-synapse = {
        enable = true;
        settings.server_name = "m";
        extraConfigFiles = [ file ];
      };
    };
  }
  // service (u: [ u.serviceConfig.ExecStart ]);
  grafana = {
    option = "services.grafana.settings";
    as = "$__file{…}";
    config = file: {
      services.grafana = {
        enable = true;
        settings.security.admin_password = "$__file{${file}}";
      };
    };
  }
  // elsewhere (s: s.grafana.settings.security.admin_password);
  prometheus = {
    option = "services.prometheus.scrapeConfigs.*.basic_auth.password_file";
    config = file: {
      services.prometheus = {
        enable = true;
        checkConfig = "syntax-only";
        scrapeConfigs = [
          {
            job_name = "x";
            basic_auth = {
              username = "a";
              password_file = file;
            };
          }
        ];
      };
    };
  }
  // elsewhere (s: (builtins.head s.prometheus.scrapeConfigs).basic_auth.password_file);
  borgbackup = {
    service = "borgbackup-job-home";
    option = "services.borgbackup.jobs.NAME.encryption.passCommand";
    as = "cat …";
    config = file: {
      services.borgbackup.jobs.home = {
        paths = "/home";
        repo = "/backup";
        encryption = {
          mode = "repokey";
          passCommand = "cat ${file}";
        };
      };
    };
  }
  // environment;
  wireguard = {
    service = "wireguard-wg0";
    option = "networking.wireguard.interfaces.NAME.privateKeyFile";
    config = file: {
      networking.wireguard.interfaces.wg0 = {
        privateKeyFile = file;
        ips = [ "10.1.0.1/24" ];
      };
    };
  }
  // script;
  postgresql = {
    option = "services.postgresql.initialScript";
    config = file: {
      services.postgresql = {
        enable = true;
        initialScript = file;
      };
    };
  }
  // script;
  mysql = {
    option = "services.mysql.initialScript";
    config = file: {
      services.mysql = {
        enable = true;
        package = stub "mariadb";
        initialScript = file;
      };
    };
  }
  // script;
  tailscale = {
    service = "tailscaled-autoconnect";
    option = "services.tailscale.authKeyFile";
    config = file: {
      services.tailscale = {
        enable = true;
        authKeyFile = file;
      };
    };
  }
  // script;
  coturn = {
    option = "services.coturn.static-auth-secret-file";
    config = file: {
      services.coturn = {
        enable = true;
        use-auth-secret = true;
        static-auth-secret-file = file;
      };
    };
  }
  // script;
  sshd = {
    option = "services.openssh.hostKeys.*.path";
    config = file: {
      services.openssh = {
        enable = true;
        startWhenNeeded = false;
        hostKeys = [
          {
            path = file;
            type = "ed25519";
          }
        ];
      };
    };
  }
  // script;
}
