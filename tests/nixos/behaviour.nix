# SPDX-License-Identifier: LGPL-2.1-or-later
# What configurations come to, case by case, where no scenario shows it: the faults that other modules
# of this kind are known for, and what the options promise. The result is a list of what differs.
{ nixpkgs }:
let
  tests = import ./lib.nix { inherit nixpkgs; };
  inherit (tests) lib host web failed;
  containers = set: host { virtualisation.nspawn.containers = set; };
  textIn = c: name: c.virtualisation.nspawn.containers.web.config.environment.etc.${name}.text;

  # --- several at once, since each evaluation takes its time --------------------

  zone = containers {
    a = {
      config = { };
      network.veth = {
        zone = "z";
        config.host.networkConfig.Address = [ "10.0.0.1/24" ];
      };
    };
    b = {
      config.users.mutableUsers = true;
      network.veth = {
        zone = "z";
        config.host.dhcpServerConfig.PoolSize = 9;
      };
    };
    c = {
      config = { };
      network.veth = {
        zone = "z";
        addresses = {
          host = [ "fd00::1/64" ];
          container = [ "fd00::2/64" ];
        };
      };
    };
  };

  instance =
    { pkgs, ... }:
    {
      system.build.instance = pkgs.instance;
    };
  inherited = host {
    imports = [ instance ];
    nixpkgs.overlays = [
      (_: _: {
        fromTheHost = "overlay";
        # Functions are equal only to themselves.
        instance.mark = x: x;
      })
    ];
    nixpkgs.config.fromTheHost = "config";
    networking.nftables.enable = true;
    networking.firewall.filterForward = true;
    virtualisation.nspawn = {
      imports = [
        instance
        { environment.etc."import".text = "for all"; }
      ];
      containers.same = {
        config = { };
        network.veth.enable = false;
      };
      containers.web.config =
        { pkgs, ... }:
        {
          nixpkgs.overlays = [ (_: previous: { own = previous.fromTheHost + " and own"; }) ];
          nixpkgs.config.own = "too";
          environment.etc."packages".text = "${pkgs.own}, ${pkgs.config.fromTheHost}, ${pkgs.config.own}";
        };
    };
  };

  various = containers {
    web = {
      config =
        { config, ... }:
        {
          systemd.services.app.script = "true";
          systemd.services."worker@" = { };
          environment.etc."path".text = config.nspawn-creds.credentials.password.path;
          environment.etc."paths".text = builtins.toJSON config.nspawn-creds.credentials.shared.paths;
        };
      binds."/a:b" = {
        hostPath = "/c\\d%e f";
        readOnly = true;
      };
      binds."/c" = {
        hostPath = "/c\\d%e f";
      };
      credentials = {
        password = {
          fromStore = true;
          services = [ "app" ];
        };
        shared = {
          fromStore = true;
          services = [
            "app.service"
            "worker@1"
          ];
        };
      };
    };
    later = {
      path = "/nix/var/nix/profiles/later";
      autoStart = false;
      linkJournal = false;
      store = "full";
    };
    builder = {
      config = { };
      nixDaemon.enable = true;
    };
  };
  # Services of every kind, and what reads their credentials.
  kinds = web {
    config =
      { config, ... }:
      {
        systemd.services = {
          app = {
            script = "true";
            serviceConfig.EnvironmentFile = config.nspawn-creds.credentials.environment.systemPath;
            # Mounted when the service has its credentials, unlike what systemd itself reads.
            serviceConfig.BindReadOnlyPaths = "%d/environment";
          };
          "worker@" = {
            script = "true";
            path = [ "/tools" ];
          };
          "own@1" = {
            script = "true";
          };
        };
        users.users.root.hashedPasswordFile = "/run/host/credentials/password";
        environment.etc."path".text = config.nspawn-creds.credentials.password.path;
      };
    credentials = {
      environment = {
        fromStore = true;
        services = [
          "app"
          "app.service"
        ];
      };
      password.fromStore = true;
      instance = {
        fromStore = true;
        services = [
          "worker@1"
          "own@1"
          "user@1000"
        ];
      };
      template = {
        fromStore = true;
        services = [ "worker@" ];
      };
    };
  };
  kindsInside = kinds.virtualisation.nspawn.containers.web.config;
  later = various.systemd.nspawn.later;
  builder = various.virtualisation.nspawn.containers.builder.config;
  sealed = web {
    config.systemd.services.app.script = "true";
    credentials.file = {
      sealed = ./wrong/sealed.cred;
      services = [ "app" ];
    };
    credentials.stock = {
      fromStore = true;
      delivery = "native";
    };
    credentials.config = {
      template = "{{{{ is no {{file}}";
      services = [ "app" ];
    };
    credentials.quiet = {
      sealed = "/var/lib/quiet.cred";
      onChange = "none";
    };
    credentials.typed = {
      fromStore = true;
      keyType = "host+tpm2";
    };
  };
  # Each source, in its two forms.
  sourceValues = {
    sealed = ./wrong/sealed.cred;
    store = true;
    generate = {
      type = "hex";
      bytes = 16;
    };
    template = "{{store}}";
    share = "web@store";
    file = "/run/secret";
    fleet = "prod";
  };
  sources =
    lib.mapAttrs
      (
        _: credentials:
        host {
          services.nspawn-creds.fleets.prod.signers = [ "alice ssh-ed25519 AAAA" ];
          virtualisation.nspawn.containers.web = {
            config = { };
            inherit credentials;
          };
        }
      )
      {
        short = {
          sealed.sealed = ./wrong/sealed.cred;
          store.fromStore = true;
          generate.generate = {
            type = "hex";
            bytes = 16;
          };
          template.template = "{{store}}";
          share.share = "web@store";
          file.source = "/run/secret";
          fleet.fleet = "prod";
        };
        tagged = lib.mapAttrs (tag: value: { from.${tag} = value; }) sourceValues;
      };
  elsewhere = host {
    services.nspawn-creds = {
      enable = true;
      store = "/srv/store";
      tpm2.device = "/dev/tpm0";
      onRollback = "refuse";
      rollbackCounter = "0x01b00000";
      metrics.enable = true;
      metrics.directory = "/srv/metrics";
      fleets.prod = {
        threshold = 2;
        maxAge = "30d";
        signers = [
          "alice ssh-ed25519 AAAA"
          "bob ssh-ed25519 BBBB"
        ];
        carrier = {
          url = "https://creds.example.org/prod/";
          user = "web1";
          passwordFile = "/run/secrets/carrier";
          certificate = "/srv/web1.pem";
          key = "/etc/nspawn-creds/fleet/prod.key";
        };
      };
      fleets.test = {
        host = "web1";
        signers = [ "carol ssh-ed25519 CCCC" ];
      };
    };
    virtualisation.nspawn.containers.web = {
      config = { };
      credentials.stock = {
        fromStore = true;
        delivery = "native";
      };
    };
  };
  # A fleet's repository in the configuration, and a root that is gone after a reboot.
  fleet = host {
    fileSystems."/" = lib.mkForce {
      device = "none";
      fsType = "tmpfs";
    };
    fileSystems."/persist" = {
      device = "/dev/disk/by-label/persist";
      fsType = "ext4";
    };
    fileSystems."/var/lib/nspawn-creds" = {
      device = "/persist/var/lib/nspawn-creds";
      fsType = "none";
      options = [ "bind" ];
    };
    services.nspawn-creds = {
      fleetDirectory = toString ./fleet;
      fleets.prod.signers = [ "alice ssh-ed25519 AAAA" ];
    };
    virtualisation.nspawn.containers.web = {
      config.systemd.services.app.script = "true";
      credentials = {
        password.services = [ "app" ];
        native.sealed = ./wrong/sealed.cred;
        native.delivery = "native";
        stored.fromStore = true;
        signed.fleet = "prod";
      };
    };
    containers.web2 = {
      config = { };
      credentials.token.from.store = true;
    };
  };
  live = web {
    config.systemd.services = {
      app = {
        script = "true";
        serviceConfig.ExecStartPre = "/bin/true";
      };
      tls = { };
      "worker@" = { };
    };
    credentials.file = {
      sealed = ./wrong/sealed.cred;
      delivery = "live";
      services = [
        "app"
        "worker@1"
      ];
    };
    credentials.config = {
      template = "{{file}}";
      delivery = "live";
      services = [ "tls" ];
      onChange = "reload";
    };
    credentials.kept = {
      fromStore = true;
      delivery = "live";
      services = [ "app" ];
    };
    credentials.quiet = {
      sealed = ./wrong/sealed.cred;
      delivery = "live";
      services = [ "app" ];
      onChange = "none";
    };
  };
  further = host {
    networking.useDHCP = false;
    virtualisation.nixos-nspawn-ephemeral.containers.web.autoStart = false;
    virtualisation.nspawn.containers.web = {
      specialArgs.domain = "example.org";
      config =
        { domain, ... }:
        {
          networking = { inherit domain; };
        };
      passwordlessConsole = true;
      limits.tasksMax = 100;
      settings.nspawn.execConfig = {
        Capability = "CAP_NET_ADMIN";
        PrivateUsers = "no";
      };
      settings.service.serviceConfig.IOWeight = 50;
    };
  };
  # Hosts with one container on a link of its own and one in a zone, whose systems are not evaluated.
  linked =
    module:
    host {
      imports = [ module ];
      virtualisation.nspawn.containers = {
        web.path = "/profile";
        db = {
          path = "/profile";
          network.veth.zone = "z";
        };
      };
    };
  beside = lib.mapAttrs (_: linked) {
    dhcpcd = { };
    gateway = {
      networking = {
        useDHCP = false;
        defaultGateway = "10.0.0.1";
      };
      networking.interfaces.eth0.ipv4.addresses = [
        {
          address = "10.0.0.2";
          prefixLength = 24;
        }
      ];
    };
    networkManager.networking.networkmanager.enable = true;
    networkd.networking = {
      useNetworkd = true;
      useDHCP = false;
    };
    containers = {
      networking.useDHCP = false;
      containers.other = {
        privateNetwork = true;
        hostAddress = "10.1.0.1";
        localAddress = "10.1.0.2";
        config.system.stateVersion = "24.05";
      };
    };
    neither = {
      networking.useDHCP = false;
      boot.kernel.sysctl."net.ipv4.conf.all.forwarding" = false;
      services.resolved.enable = false;
    };
  };
  hostNetwork = host {
    virtualisation.nspawn.containers.web = {
      path = "/profile";
      network.hostNetwork = true;
    };
  };
  # Credentials of one container that reach others, of both kinds.
  shared = host {
    virtualisation.nspawn.containers = {
      db = {
        config = { };
        credentials.key.sealed = ./wrong/sealed.cred;
      };
      a-b = {
        config.systemd.services.app.script = "true";
        credentials = {
          boot.share = "db@key";
          c = {
            share = "db@key";
            delivery = "live";
            services = [ "app" ];
          };
          text.template = "{{part}}";
          part = {
            share = "db@key";
            onChange = "none";
          };
          other.fromStore = true;
        };
      };
      a = {
        config.systemd.services.app.script = "true";
        credentials.b-c = {
          fromStore = true;
          delivery = "live";
          services = [ "app" ];
        };
      };
    };
    containers = {
      nested = {
        config =
          { config, ... }:
          {
            system.stateVersion = "24.05";
            systemd.services.app.script = config.nspawn-creds.credentials.live.path;
          };
        credentials = {
          boot.share = "db@key";
          live = {
            share = "db@key";
            delivery = "live";
            services = [ "app" ];
          };
        };
      };
      elsewhere = {
        path = "/nix/var/nix/profiles/elsewhere";
        credentials.boot = {
          share = "nested@boot";
          services = [ "app" ];
        };
      };
    };
  };
  follows = triggers: lib.hasInfix "sealed.cred" (toString triggers);
  policy = sealed.services.nspawn-creds.policies.web.credentials;

  cases = {
    "what two containers say of their zone's bridge is merged" = {
      actual = { inherit (zone.systemd.network.networks."10-vz-z") networkConfig dhcpServerConfig; };
      expected = {
        networkConfig = zone.systemd.network.networks."10-vz-z".networkConfig // {
          Address = [
            "10.0.0.1/24"
            "fd00::1/64"
          ];
        };
        dhcpServerConfig = {
          PersistLeases = "no";
          PoolSize = 9;
        };
      };
    };
    "the options' original path leads to the same, and neither path to a warning" = {
      actual = [
        further.virtualisation.nspawn.containers.web.autoStart
        further.virtualisation.nixos-nspawn-ephemeral.containers.web.limits.tasksMax
        further.virtualisation.nspawn.containers.web.config.virtualisation.nixos-nspawn-ephemeral.guest.passwordlessConsole
        further.warnings
      ];
      expected = [
        false
        100
        true
        [ ]
      ];
    };
    "further settings are merged with those of the module and override its defaults" = {
      actual = {
        nspawn = lib.getAttrs [
          "Capability"
          "Ephemeral"
          "PrivateUsers"
        ] further.systemd.nspawn.web.execConfig;
        service = lib.getAttrs [
          "IOWeight"
          "TasksMax"
        ] further.systemd.services."systemd-nspawn@web".serviceConfig;
      };
      expected = {
        nspawn = {
          Capability = "CAP_NET_ADMIN";
          Ephemeral = true;
          PrivateUsers = "no";
        };
        service = {
          IOWeight = 50;
          TasksMax = 100;
        };
      };
    };
    "a container's modules get further arguments, and root its console" = {
      actual =
        let
          c = further.virtualisation.nspawn.containers.web.config;
        in
        [
          c.networking.domain
          c.services.getty.autologinUser
        ];
      expected = [
        "example.org"
        "root"
      ];
    };
    "a fixed address takes the place of DHCP, with the host as gateway and DNS server" = {
      actual = lib.getAttrs [
        "Address"
        "DHCP"
        "DNS"
        "Gateway"
      ] zone.virtualisation.nspawn.containers.c.config.systemd.network.networks."10-host0".networkConfig;
      expected = {
        Address = [ "fd00::2/64" ];
        DHCP = "no";
        DNS = [ "fd00::1" ];
        Gateway = [ "fd00::1" ];
      };
    };
    "the host answers DNS queries there, and only there" = {
      actual = {
        resolved = zone.environment.etc."systemd/resolved.conf.d/nspawn-creds.conf".text;
        zone = lib.elem 53 zone.networking.firewall.interfaces.vz-z.allowedUDPPorts;
        dynamic = lib.elem 53 inherited.networking.firewall.interfaces.ve-web.allowedUDPPorts;
      };
      expected = {
        resolved = "[Resolve]\nDNSStubListenerExtra=fd00::1\n";
        zone = true;
        dynamic = false;
      };
    };
    "a firewall's rules name interfaces, without the wildcards of one kind" = {
      actual =
        map (c: builtins.filter (lib.hasPrefix "v") (builtins.attrNames c.networking.firewall.interfaces))
          [
            zone
            inherited
          ];
      expected = [
        [ "vz-z" ]
        [ "ve-web" ]
      ];
    };
    "a firewall that filters what is forwarded lets containers out" = {
      actual = inherited.networking.firewall.extraForwardRules;
      expected = "iifname { \"ve-web\" } accept\n";
    };
    "networkd leaves all other links alone, unless the host uses it itself" = {
      actual = lib.mapAttrs (
        _: c:
        tests.network
          c.systemd.network.networks."11-nspawn-others" or {
            linkConfig = { };
            matchConfig = { };
            networkConfig = { };
            dhcpServerConfig = { };
          }
      ) beside;
      expected =
        lib.mapAttrs (_: _: {
          matchConfig.Name = "*";
          linkConfig.Unmanaged = "yes";
        }) beside
        // {
          networkd = { };
        };
    };
    "only a host that uses networkd itself waits for it before it is online" = {
      actual = lib.mapAttrs (_: c: c.systemd.network.wait-online.enable) beside;
      expected = lib.mapAttrs (name: _: name == "networkd") beside;
    };
    "the host becomes a router for IPv6 only where networkd discovers its routers" = {
      actual = lib.mapAttrs (
        _: c: c.systemd.network.networks."10-ve-web".networkConfig.IPMasquerade
      ) beside;
      expected = lib.mapAttrs (_: _: "ipv4") beside // {
        networkd = "both";
      };
    };
    "networkd deletes no routing rules of others, unless the host uses it itself" = {
      actual = lib.mapAttrs (_: c: c.systemd.network.config.networkConfig) (
        lib.getAttrs [ "networkManager" "networkd" ] beside
      );
      expected = {
        networkManager = {
          ManageForeignRoutes = false;
          ManageForeignRoutingPolicyRules = false;
        };
        networkd = { };
      };
    };
    "the host's network goes on as it is configured" = {
      actual = lib.mapAttrs (_: c: [
        c.networking.useNetworkd
        c.networking.dhcpcd.enable
        (tests.failed c)
      ]) beside;
      expected =
        lib.mapAttrs (_: _: [
          false
          true
          [ ]
        ]) beside
        // {
          networkd = [
            true
            false
            [ ]
          ];
        };
    };
    "no other network manager touches the containers' links" = {
      actual = {
        dhcpcd = lib.take 3 beside.dhcpcd.networking.dhcpcd.denyInterfaces;
        networkManager = builtins.head (
          lib.splitString "\n" beside.networkManager.services.udev.extraRules
        );
      };
      expected = {
        dhcpcd = [
          "ve-web"
          "vz-z"
          "vb-*"
        ];
        networkManager = ''ENV{INTERFACE}=="ve-web|vz-z|vb-*", ENV{NM_UNMANAGED}="1"'';
      };
    };
    "a share with a machine that is not in the configuration is warned of" = {
      actual = map (lib.hasInfix "services.nspawn-creds.policies.dbb")
        (host {
          services.nspawn-creds.policies.debian.credentials.token.store = true;
          virtualisation.nspawn.containers.web = {
            config = { };
            credentials.unknown.share = "dbb@token";
            credentials.own.share = "debian@token";
          };
        }).warnings;
      expected = [ true ];
    };
    "warnings say what a host's settings mean for its containers, and what to write" = {
      actual = lib.mapAttrs (
        _: c: map (w: builtins.head (builtins.match "([^ ]+).*" w)) c.warnings
      ) beside;
      expected = lib.mapAttrs (_: _: [ ]) beside // {
        neither = [
          "boot.kernel.sysctl.\"net.ipv4.conf.all.forwarding\""
          "services.resolved.enable"
        ];
      };
    };
    "nixpkgs' warning about networkd and dhcpcd stays for a host that turns on networkd itself" = {
      actual =
        map (lib.hasInfix "networkd and dhcpcd")
          (linked { systemd.network.enable = true; }).warnings;
      expected = [ true ];
    };
    "a host whose containers have no link to it needs no networkd" = {
      actual = [
        hostNetwork.systemd.network.enable
        hostNetwork.systemd.network.networks
        hostNetwork.networking.dhcpcd.denyInterfaces
      ];
      expected = [
        false
        { }
        [
          "ve-*"
          "vb-*"
        ]
      ];
    };
    "a container's users are those of its configuration, unless it says otherwise" = {
      actual = lib.mapAttrs (
        _: c:
        map (name: c.config.environment.etc."pam.d/${name}".enable) [
          "login"
          "passwd"
          "vlock"
        ]
      ) (lib.getAttrs [ "a" "b" ] zone.virtualisation.nspawn.containers);
      expected = {
        a = [
          true
          false
          false
        ];
        b = [
          true
          true
          false
        ];
      };
    };
    "the host's overlays and package settings reach the containers, and theirs come on top" = {
      actual = textIn inherited "packages";
      expected = "overlay and own, config, too";
    };
    "a container without settings of its own for packages uses the host's package set itself" = {
      actual = lib.mapAttrs (
        _: c: c.config.system.build.instance == inherited.system.build.instance
      ) inherited.virtualisation.nspawn.containers;
      expected = {
        same = true;
        web = false;
      };
    };
    "modules for all containers reach each" = {
      actual = textIn inherited "import";
      expected = "for all";
    };
    "no owner is forced on a machine's directory that is there" = {
      actual = {
        inherit (inherited.systemd.tmpfiles.settings."10-nixos-nspawn-ephemeral"."/var/lib/machines/web".d)
          user
          group
          mode
          ;
      };
      expected = {
        user = ":root";
        group = ":root";
        mode = ":0755";
      };
    };
    "a container without Nix has neither the host's daemon nor the whole store" = {
      actual = {
        binds = builtins.filter (lib.hasInfix "/nix") inherited.systemd.nspawn.web.filesConfig.BindReadOnly;
        nix = inherited.virtualisation.nspawn.containers.web.config.nix.enable;
      };
      expected = {
        binds = [ "/run/nixos-nspawn-ephemeral/web/store/view/closure:/nix/store" ];
        nix = false;
      };
    };
    "a container with Nix knows what it has already" = {
      actual = {
        binds = map (
          b: lib.last (lib.splitString ":" b)
        ) various.systemd.nspawn.builder.filesConfig.BindReadOnly;
        nix = builder.nix.enable;
        before = builder.systemd.services.nix-store-layer.before;
      };
      expected = {
        binds = [
          "/nix/store"
          "/nix/.host-registration"
        ];
        nix = true;
        before = [
          "nix-daemon.service"
          "nix-daemon.socket"
        ];
      };
    };
    "no container starts that is not to start by itself" = {
      actual = builtins.filter (lib.hasPrefix "systemd-nspawn@") various.systemd.targets.machines.wants;
      expected = [
        "systemd-nspawn@builder.service"
        "systemd-nspawn@web.service"
      ];
    };
    "a system by path runs from there, with the store that is asked for and no journal" = {
      actual = {
        init = later.execConfig.Parameters;
        inherit (later.filesConfig) Bind BindReadOnly;
      };
      expected = {
        init = "/nix/var/nix/profiles/later/init";
        Bind = [ ];
        BindReadOnly = [ "/nix/store:/nix/store" ];
      };
    };
    "colons and backslashes in paths are not syntax" = {
      actual = lib.last various.systemd.nspawn.web.filesConfig.BindReadOnly;
      expected = "/c\\\\d%e f:/a\\:b";
    };
    "a container waits for the file systems of its binds" = {
      actual = various.systemd.services."systemd-nspawn@web".unitConfig.RequiresMountsFor;
      expected = [ ''"/c\\d%%e f"'' ];
    };
    "a service's one credential has one path, for options that want it" = {
      actual = textIn various "path";
      expected = "/run/credentials/app.service/password";
    };
    "a credential of several services has a path for each" = {
      actual = textIn various "paths";
      expected = builtins.toJSON {
        app = "/run/credentials/app.service/shared";
        "worker@1" = "/run/credentials/worker@1.service/shared";
      };
    };
    "what systemd itself reads has a path, too, and so has a credential without services" = {
      actual = {
        failed = tests.failed kinds;
        read = kindsInside.systemd.services.app.serviceConfig.EnvironmentFile;
        path = textIn kinds "path";
      };
      expected = {
        failed = [ ];
        read = "/run/credentials/@system/environment";
        path = "/run/credentials/@system/password";
      };
    };
    "a service that is named twice gets a credential once" = {
      actual = kindsInside.systemd.services.app.serviceConfig.LoadCredential;
      expected = [ "environment" ];
    };
    "an instance is a drop-in, and keeps its template and the PATH of that" = {
      actual =
        map
          (
            name:
            let
              u = kindsInside.systemd.units."${name}.service";
            in
            [
              u.overrideStrategy
              (lib.hasInfix "PATH=" u.text)
            ]
          )
          [
            "worker@1"
            "user@1000"
            "own@1"
            "worker@"
          ];
      expected = [
        [
          "asDropin"
          false
        ]
        [
          "asDropin"
          false
        ]
        [
          "asDropinIfExists"
          true
        ]
        [
          "asDropinIfExists"
          true
        ]
      ];
    };
    "a template's credential is for all its instances" = {
      actual = kindsInside.systemd.services."worker@".serviceConfig.LoadCredential;
      expected = [ "template" ];
    };
    "both of the broker's sockets are there from the start" = {
      actual = map (name: various.systemd.sockets.${name}.wantedBy) [
        "nspawn-creds-broker"
        "nspawn-creds-control"
      ];
      expected = [
        [ "sockets.target" ]
        [ "sockets.target" ]
      ];
    };
    "the journal's explanations are where they are looked for" = {
      actual = map (lib.removePrefix "${various.services.nspawn-creds.package}") various.systemd.services.systemd-journal-catalog-update.serviceConfig.BindReadOnlyPaths;
      expected = [ "/lib/systemd/catalog:/usr/local/lib/systemd/catalog" ];
    };
    "the broker's unit may execute what is in the Nix store, and nothing else" = {
      actual = various.systemd.services.nspawn-creds-broker.serviceConfig.ExecPaths;
      expected = [
        ""
        "/nix/store"
      ];
    };
    "the configuration is where every program reads it" = {
      actual = lib.hasSuffix "-nspawn-creds.conf" "${various.environment.etc."nspawn-creds/nspawn-creds.conf".source
      }";
      expected = true;
    };
    "the configuration has the settings of rollback protection" = {
      actual = lib.hasInfix "[Rollback]\nOnRollback=refuse\nCounter=0x01b00000\n" elsewhere.environment.etc."nspawn-creds/nspawn-creds.conf".source.text;
      expected = true;
    };
    "the defaults leave the sandbox of the broker's unit as it is" = {
      actual = map (name: various.systemd.services.nspawn-creds-broker.serviceConfig ? ${name}) [
        "ReadWritePaths"
        "DeviceAllow"
        "BindPaths"
      ];
      expected = [
        false
        false
        false
      ];
    };
    "another store and TPM take the place of the defaults in the sandbox" = {
      actual = {
        inherit (elsewhere.systemd.services.nspawn-creds-broker.serviceConfig)
          ReadWritePaths
          NoExecPaths
          DeviceAllow
          BindPaths
          ;
        inherit (elsewhere.systemd.tmpfiles.settings."10-nspawn-creds-store"."/srv/fleet".d) mode group;
        native = elsewhere.systemd.services."systemd-nspawn@web".serviceConfig.LoadCredentialEncrypted;
      };
      expected = {
        ReadWritePaths = [
          ""
          "-/srv/store"
          "-/srv/fleet"
          "-/srv/rollback"
          "-/run/nspawn-creds/machines"
        ];
        DeviceAllow = [
          ""
          "/dev/tpm0 rw"
        ];
        BindPaths = [ "-/dev/tpm0" ];
        NoExecPaths = [
          "-/srv/store"
          "-/srv/fleet"
          "-/srv/rollback"
        ];
        mode = "0770";
        group = "nspawn-creds";
        native = [ "web@stock:/srv/store/web/stock.cred" ];
      };
    };
    "metrics are off, and go to the directory that is set" = {
      actual = {
        off = further.systemd.timers ? nspawn-creds-metrics;
        inherit (elsewhere.systemd.timers.nspawn-creds-metrics) wantedBy;
        inherit (elsewhere.systemd.services.nspawn-creds-metrics.serviceConfig) ReadWritePaths;
        command = lib.hasSuffix "/bin/nspawn-creds status --metrics-file=/srv/metrics/nspawn-creds.prom" (
          lib.last elsewhere.systemd.services.nspawn-creds-metrics.serviceConfig.ExecStart
        );
        directory = elsewhere.systemd.tmpfiles.settings."10-nspawn-creds-metrics" ? "/srv/metrics";
      };
      expected = {
        off = false;
        wantedBy = [ "timers.target" ];
        ReadWritePaths = [ "/srv/metrics" ];
        command = true;
        directory = true;
      };
    };
    "a credential is found in the fleet's repository, and only its file is copied" = {
      actual = {
        failed = failed fleet;
        sources = lib.mapAttrs (
          _: c:
          if c ? sealed then
            builtins.head (builtins.match "/nix/store/[0-9a-z]{32}-([^/]*)" c.sealed)
          else
            builtins.attrNames (removeAttrs c [ "delivery" "onChange" "services" ])
        ) fleet.services.nspawn-creds.policies.web.credentials;
        other = fleet.services.nspawn-creds.policies.web2.credentials.token ? store;
        name = fleet.services.nspawn-creds.fleets.prod.host;
      };
      expected = {
        failed = [ ];
        sources = {
          password = "web-password.cred";
          native = "sealed.cred";
          stored = [ "store" ];
          signed = [ "fleet" ];
        };
        other = true;
        name = "host";
      };
    };
    "the unit of a machine with a policy asks for what that lists" = {
      actual =
        let
          c = host {
            services.nspawn-creds.policies.debian.credentials = {
              first = { };
              second.share = "other@id";
              stock = {
                sealed = "/srv/stock.cred";
                delivery = "native";
              };
              token = {
                store = true;
                delivery = "live";
                services = [ "app.service" ];
              };
            };
            services.nspawn-creds.policies.other.credentials.id = {
              store = true;
              delivery = "native";
            };
          };
          unit = c.systemd.services."systemd-nspawn@debian";
        in
        {
          inherit (c.services.nspawn-creds) enable;
          inherit (unit) overrideStrategy restartIfChanged wants;
          inherit (unit.serviceConfig) LoadCredential LoadCredentialEncrypted;
          environment = lib.filterAttrs (name: _: lib.hasPrefix "NSPAWN_" name) unit.environment;
          wrapper = lib.hasInfix "/lib/nspawn-creds/bin:" unit.serviceConfig.ExecSearchPath;
          other = c.systemd.services."systemd-nspawn@other".serviceConfig.LoadCredentialEncrypted;
          failed = tests.failed c;
        };
      expected = {
        enable = true;
        overrideStrategy = "asDropin";
        restartIfChanged = false;
        wants = [
          "nspawn-creds-broker.socket"
          "nspawn-creds-broker.service"
        ];
        LoadCredential = [
          "first:/run/nspawn-creds/broker"
          "second:/run/nspawn-creds/broker"
        ];
        LoadCredentialEncrypted = [ "debian@stock:/srv/stock.cred" ];
        environment = {
          NSPAWN_CREDS_EXPECTED = "first:second:stock";
          NSPAWN_CREDS_LIVE = "debian";
          NSPAWN_CREDS_MACHINE = "debian";
        };
        wrapper = true;
        other = [ "other@id:/var/lib/nspawn-creds/store/other/id.cred" ];
        failed = [ ];
      };
    };
    # Elsewhere these units name /usr/lib, which NixOS does not have.
    "units that may run few programs may run those of the Nix store" = {
      actual =
        let
          units = ../../units;
          limited = builtins.filter (
            file: lib.hasInfix "\nExecPaths=" (builtins.readFile (units + "/${file}"))
          ) (builtins.attrNames (builtins.readDir units));
          service = file: lib.replaceStrings [ "@.service.in" ".service.in" ] [ "@prod" "" ] file;
        in
        lib.genAttrs (map service limited) (name: elsewhere.systemd.services.${name}.serviceConfig.ExecPaths);
      expected =
        lib.genAttrs
          [
            "nspawn-creds-broker"
            "nspawn-creds-courier@prod"
          ]
          (_: [
            ""
            builtins.storeDir
          ]);
    };
    "a fleet's files, and a courier where it has a carrier" = {
      actual = {
        prod = builtins.fromJSON elsewhere.environment.etc."nspawn-creds/fleet/prod.json".text;
        test = builtins.fromJSON elsewhere.environment.etc."nspawn-creds/fleet/test.json".text;
        signers = elsewhere.environment.etc."nspawn-creds/fleet/prod.signers".text;
        couriers = builtins.filter (lib.hasPrefix "nspawn-creds-courier@") (
          builtins.attrNames elsewhere.systemd.services
        );
        secrets = elsewhere.systemd.services."nspawn-creds-courier@prod".serviceConfig.LoadCredential;
        socket = elsewhere.systemd.sockets.nspawn-creds-courier.wantedBy;
        apply = elsewhere.systemd.paths.nspawn-creds-apply.wantedBy;
      };
      expected = {
        prod = {
          host = "host";
          threshold = 2;
          maxAge = "30d";
          carrier = {
            url = "https://creds.example.org/prod/";
            user = "web1";
            passwordFile = "/run/secrets/carrier";
            certificate = "/srv/web1.pem";
            key = "/etc/nspawn-creds/fleet/prod.key";
          };
        };
        test = {
          host = "web1";
          threshold = 1;
        };
        signers = "alice ssh-ed25519 AAAA\nbob ssh-ed25519 BBBB\n";
        couriers = [ "nspawn-creds-courier@prod" ];
        secrets = [ "carrier:/run/secrets/carrier" ];
        socket = [ "sockets.target" ];
        apply = [ "multi-user.target" ];
      };
    };
    "the policy has a sealed file's path in the store" = {
      actual =
        builtins.match "/nix/store/[0-9a-z]{32}-sealed.cred" policy.file.sealed != null
        && policy.file.services == [ "app.service" ];
      expected = true;
    };
    "the policy has another file's path as it is" = {
      actual = policy.quiet;
      expected = {
        sealed = "/var/lib/quiet.cred";
        services = [ ];
        delivery = "boot";
        onChange = "none";
      };
    };
    "the policy has a required key type" = {
      actual = policy.typed;
      expected = {
        store = true;
        services = [ ];
        delivery = "boot";
        onChange = "restart";
        keyType = "host+tpm2";
      };
    };
    "the key type of a sealed file" = {
      actual = map (name: import ../../nixos/credentials/sealed.nix (../vectors + "/${name}.cred")) [
        "252-host-0"
        "252-tpm2-pk"
        "252-host+tpm2-pk"
        "257-host-scoped-alice"
        "257-host+tpm2-scoped-alice"
        "262-tpm2-nopcr-1"
        "262-host+tpm2-nopcr"
        "262-tpm2-pk"
        "262-host+tpm2-pk"
        "262-null"
      ];
      expected = [
        "host"
        "tpm2-with-public-key"
        "host+tpm2-with-public-key"
        "host-scoped"
        "host+tpm2-scoped"
        "tpm2"
        "host+tpm2"
        "tpm2-with-public-key"
        "host+tpm2-with-public-key"
        null
      ];
    };
    "a source is the same by its tag and by its short form" = {
      actual = lib.mapAttrs (_: c: [
        c.services.nspawn-creds.policies
        c.systemd.services."systemd-nspawn@web".restartTriggers
        (tests.failed c)
      ]) sources;
      expected = lib.mapAttrs (_: _: [
        {
          web.credentials = lib.mapAttrs (tag: source: {
            ${tag} = source;
            services = [ ];
            delivery = "boot";
            onChange = "restart";
          }) (sourceValues // { inherit (policy.file) sealed; });
        }
        sources.short.systemd.services."systemd-nspawn@web".restartTriggers
        [ ]
      ]) sources;
    };
    "systemd by itself opens what is in the broker's store" = {
      actual = sealed.systemd.services."systemd-nspawn@web".serviceConfig.LoadCredentialEncrypted;
      expected = [ "web@stock:/var/lib/nspawn-creds/store/web/stock.cred" ];
    };
    "two braces can be written, and nothing is missing for them" = {
      actual = tests.failed sealed;
      expected = [ ];
    };
    "a new sealed file restarts the container, unless it is not to" = {
      actual =
        let
          triggers = builtins.concatStringsSep " " (
            map toString sealed.systemd.services."systemd-nspawn@web".restartTriggers
          );
        in
        [
          (lib.hasInfix "sealed.cred" triggers)
          (lib.hasInfix "quiet.cred" triggers)
        ];
      expected = [
        true
        false
      ];
    };
    "a new sealed file that is live restarts its services, and not the container" = {
      actual = {
        reload = lib.concatStringsSep " " (
          lib.drop 1 (
            lib.splitString " " live.systemd.services."nspawn-creds-changed-web@file".serviceConfig.ExecReload
          )
        );
        container = lib.any (lib.hasInfix "sealed.cred") (
          map toString live.systemd.services."systemd-nspawn@web".restartTriggers
        );
        services =
          lib.any (lib.hasInfix "sealed.cred")
            live.systemd.services."nspawn-creds-changed-web@file".reloadTriggers;
        template =
          lib.any (lib.hasInfix "sealed.cred")
            live.systemd.services."nspawn-creds-changed-web@config".reloadTriggers;
        others = builtins.attrNames (
          lib.filterAttrs (name: _: lib.hasPrefix "nspawn-creds-changed-" name) live.systemd.services
        );
      };
      expected = {
        reload = "--machine=web try-restart app.service worker@1.service";
        container = false;
        services = true;
        template = true;
        others = [
          "nspawn-creds-changed-web@config"
          "nspawn-creds-changed-web@file"
          "nspawn-creds-changed-web@kept"
        ];
      };
    };
    "a switch follows what a credential is made of, in every kind of container" = {
      actual = {
        restarted = builtins.filter (name: follows shared.systemd.services.${name}.restartTriggers) [
          "systemd-nspawn@a-b"
          "systemd-nspawn@a"
          "container@nested"
          "container@elsewhere"
        ];
        reloaded = builtins.filter (name: follows shared.systemd.services.${name}.reloadTriggers) (
          builtins.filter (lib.hasPrefix "nspawn-creds-changed-") (builtins.attrNames shared.systemd.services)
        );
      };
      expected = {
        restarted = [
          "systemd-nspawn@a-b"
          "container@nested"
          "container@elsewhere"
        ];
        reloaded = [
          "nspawn-creds-changed-a-b@c"
          "nspawn-creds-changed-nested@live"
        ];
      };
    };
    "a template follows its own ingredients alone" = {
      actual =
        map builtins.head
          (builtins.fromJSON (
            builtins.unsafeDiscardStringContext (
              lib.last shared.systemd.services."systemd-nspawn@a-b".restartTriggers
            )
          )).text.madeOf;
      expected = [
        "a-b@text"
        "a-b@part"
        "db@key"
      ];
    };
    "units of a container and an id do not collide with those of another pair" = {
      actual = builtins.filter (lib.hasPrefix "nspawn-creds-changed-a") (
        builtins.attrNames shared.systemd.services
      );
      expected = [
        "nspawn-creds-changed-a-b@c"
        "nspawn-creds-changed-a@b-c"
      ];
    };
    "nixpkgs' containers have a path for a credential, and may be built elsewhere" = {
      actual = {
        failed = tests.failed shared;
        path = shared.containers.nested.config.systemd.services.app.script;
        init = shared.containers.elsewhere.path;
        flags = shared.containers.elsewhere.extraFlags;
      };
      expected = {
        failed = [ ];
        path = "/run/credentials/app.service/live";
        init = "/nix/var/nix/profiles/elsewhere";
        flags = [ "--load-credential=boot:boot" ];
      };
    };
    "a service that reloads has the new value with it" = {
      actual = lib.getAttrs [
        "LoadCredential"
        "RefreshOnReload"
      ] live.virtualisation.nspawn.containers.web.config.systemd.services.tls.serviceConfig;
      expected = {
        LoadCredential = [ "config:/run/host/nspawn-creds/socket" ];
        RefreshOnReload = "credentials";
      };
    };
    "a live service does not start with an empty credential, whatever else it does before" = {
      actual = map (
        line: lib.last (lib.splitString "/bin/" line)
      ) live.virtualisation.nspawn.containers.web.config.systemd.services.app.serviceConfig.ExecStartPre;
      expected = [
        "test -s %d/quiet"
        "test -s %d/kept"
        "test -s %d/file"
        "true"
      ];
    };
    "a host without containers is left alone" = {
      actual =
        let
          c = host { };
        in
        [
          c.systemd.nspawn
          c.services.nspawn-creds.enable
          c.networking.useNetworkd
        ];
      expected = [
        { }
        false
        false
      ];
    };
  };

  verdict =
    name: case:
    lib.optional (
      case.actual != case.expected
    ) "${name}: expected ${builtins.toJSON case.expected}, got ${builtins.toJSON case.actual}";
in
{
  checked = builtins.length (builtins.attrNames cases);
  bad = lib.concatLists (lib.mapAttrsToList verdict cases);
}
