# SPDX-License-Identifier: LGPL-2.1-or-later
# Modules of nixpkgs that take the path of a secret, by the credential's id: the option, the service,
# which path it takes, and the texts of the service's unit in which that has to arrive. `systemPath` is
# for what systemd itself reads. `file` is of a module that a nixpkgs may lack.
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

  # The module services.NAME, enabled, with the secret in the option PATH below it.
  module = name: path: settings: {
    option = "services.${name}.${path}";
    config = file: {
      services.${name} = lib.recursiveUpdate ({ enable = true; } // settings) (
        lib.setAttrByPath (lib.splitString "." path) file
      );
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
  immich =
    module "immich" "secretsFile" {
      package = stub "immich";
      machine-learning.enable = false;
      database.enable = false;
      redis = {
        enable = false;
        host = "redis";
      };
    }
    // {
      service = "immich-server";
      file = "services/web-apps/immich.nix";
    }
    // systemd "EnvironmentFile";
  miniflux = module "miniflux" "adminCredentialsFile" { } // systemd "EnvironmentFile";
  oauth2-proxy =
    module "oauth2-proxy" "keyFile" { email.domains = [ "*" ]; } // systemd "EnvironmentFile";
  forgejo =
    module "forgejo" "secrets.mailer.PASSWD" { }
    // {
      option = "services.forgejo.secrets";
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
  keycloak =
    module "keycloak" "database.passwordFile" {
      settings.hostname = "keycloak";
      database.createLocally = false;
    }
    // systemd "LoadCredential";
  vaultwarden =
    module "vaultwarden" "environmentFile" { webVaultPackage = stub "webvault"; }
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
  paperless =
    module "paperless" "passwordFile" { package = stub "paperless"; }
    // {
      service = "paperless-scheduler";
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
  hedgedoc =
    module "hedgedoc" "environmentFile" { settings.domain = "h"; } // systemd "EnvironmentFile";
  minio = module "minio" "rootCredentialsFile" { } // systemd "EnvironmentFile";
  murmur = module "murmur" "environmentFile" { } // systemd "EnvironmentFile";
  gitea = module "gitea" "database.passwordFile" { } // script;
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
  postgresql = module "postgresql" "initialScript" { } // script;
  mysql = module "mysql" "initialScript" { package = stub "mariadb"; } // script;
  tailscale =
    module "tailscale" "authKeyFile" { } // { service = "tailscaled-autoconnect"; } // script;
  coturn = module "coturn" "static-auth-secret-file" { use-auth-secret = true; } // script;
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
