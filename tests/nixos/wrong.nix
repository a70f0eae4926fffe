# SPDX-License-Identifier: LGPL-2.1-or-later
# Configurations that are each wrong in one way, with the expected message: it must begin with the
# option and contain `says`. There must be no other message. The result is a list of the cases that
# fail. Each case is a whole host, and Nix keeps everything that it evaluates in memory. So this
# evaluates only every PARTS-th case, starting with PART.
{
  nixpkgs,
  part ? 0,
  parts ? 1,
}:
let
  tests = import ./lib.nix { inherit nixpkgs; };
  inherit (tests) lib host web;

  option = "virtualisation.nspawn.containers";
  named =
    name: container:
    host {
      virtualisation.nspawn.containers.${name} = {
        config = { };
      }
      // container;
    };
  network =
    network:
    web {
      config = { };
      inherit network;
    };
  credential =
    id: settings:
    web {
      config = { };
      credentials.${id} = settings;
    };
  addresses = host: container: {
    config = { };
    network.veth.addresses = { inherit host container; };
  };
  # A credential for a service "app".
  ofApp =
    app: credential:
    web {
      config.systemd.services.app = {
        script = "true";
      }
      // app;
      credentials.id = {
        fromStore = true;
        services = [ "app" ];
      }
      // credential;
    };
  inFleet =
    settings: id: credential:
    host {
      services.nspawn-creds = {
        fleetDirectory = ./fleet;
      }
      // settings;
      virtualisation.nspawn.containers.web = {
        config = { };
        credentials.${id} = credential;
      };
    };
  fleet =
    settings:
    host {
      services.nspawn-creds.fleets.prod = {
        signers = lib.mkDefault [ "alice ssh-ed25519 AAAA" ];
      }
      // settings;
    };
  letters = n: lib.concatStrings (lib.genList (_: "x") n);

  cases = {
    "a fleet's set in memory" = {
      config = host {
        fileSystems."/" = {
          device = "none";
          fsType = "tmpfs";
        };
        services.nspawn-creds.fleets.prod.signers = [ "alice ssh-ed25519 AAAA" ];
      };
      option = "services.nspawn-creds.fleets";
      says = "/var/lib/nspawn-creds/fleet is on the tmpfs that is mounted at /, and is gone";
    };
    "a bind mount of something in memory" = {
      config = host {
        fileSystems."/persist" = {
          device = "none";
          fsType = "tmpfs";
        };
        fileSystems."/var/lib/nspawn-creds" = {
          device = "/persist/var/lib/nspawn-creds";
          fsType = "none";
          options = [ "bind" ];
        };
        services.nspawn-creds.fleets.prod.signers = [ "alice ssh-ed25519 AAAA" ];
      };
      option = "services.nspawn-creds.fleets";
      says = "/var/lib/nspawn-creds/fleet is on the tmpfs that is mounted at /persist, and is gone";
    };
    "a folder that is no fleet's" = {
      config = inFleet { fleetDirectory = ./wrong; } "password" { };
      option = "services.nspawn-creds.fleetDirectory";
      says = "tests/nixos/wrong has no fleet.json";
    };
    "a host that its fleet does not have" = {
      config = inFleet { fleetHost = "web1"; } "password" { };
      option = "services.nspawn-creds.fleetHost";
      says = "It has: host, other. If the host has another name";
    };
    "a credential that its fleet does not have" = {
      config = inFleet { } "token" { };
      option = "${option}.web.credentials.token: the fleet in ";
      says = "for the host\n\"host\"; of web it has: password, stale. Add it:\nnspawn-creds fleet add secret token --as=web@token --to=host";
    };
    "a credential of nixpkgs' container that its fleet does not have" = {
      config = host {
        services.nspawn-creds.fleetDirectory = ./fleet;
        services.nspawn-creds.fleetHost = "other";
        containers.web = {
          config.system.stateVersion = "24.05";
          credentials.token = { };
        };
      };
      option = "containers.web.credentials.token: the fleet in ";
      says = "\"other\". Add it:";
    };
    "a file that its fleet's manifest does not list" = {
      config = inFleet { } "stale" { };
      option = "${option}.web.credentials.stale";
      says = "sealed/host/web@stale.cred is not the file that ";
    };
    "a fleet's name" = {
      config = host { services.nspawn-creds.fleets.Prod.signers = [ "alice ssh-ed25519 AAAA" ]; };
      option = "services.nspawn-creds.fleets";
      says = "\"Prod\" is not the name of a fleet";
    };
    "a fleet that needs more signers than it has" = {
      config = fleet {
        signers = [ "alice ssh-ed25519 AAAA\n# bob ssh-ed25519 BBBB" ];
        threshold = 2;
      };
      option = "services.nspawn-creds.fleets.prod.threshold";
      says = "2 signers have to sign, but services.nspawn-creds.fleets.prod.signers has 1";
    };
    "a fleet's signer without a name" = {
      config = fleet { signers = [ "ssh-ed25519 AAAA alice@host" ]; };
      option = "services.nspawn-creds.fleets.prod.signers";
      says = "\"alice ssh-ed25519 AAAA alice@host\"";
    };
    "a carrier with a user who has no password" = {
      config = fleet {
        carrier = {
          url = "https://creds.example.org/";
          user = "web1";
        };
      };
      option = "services.nspawn-creds.fleets.prod.carrier";
      says = "user and passwordFile need each other";
    };
    "a carrier with a certificate that has no key" = {
      config = fleet {
        carrier = {
          url = "https://creds.example.org/";
          certificate = "/srv/web1.pem";
        };
      };
      option = "services.nspawn-creds.fleets.prod.carrier";
      says = "certificate and key need each other";
    };
    "an etcd without servers" = {
      config = fleet { carrier.url = "etcd:"; };
      option = "services.nspawn-creds.fleets.prod.carrier.endpoints";
      says = "an etcd needs the URLs of its servers";
    };
    "an etcd and another place for reports" = {
      config = fleet {
        carrier = {
          url = "etcd:";
          endpoints = [ "https://etcd.example.org:2379" ];
          reports = "dir:/srv/reports";
        };
      };
      option = "services.nspawn-creds.fleets.prod.carrier.reports";
      says = "an etcd takes the reports itself";
    };
    "a fleet's credential that systemd opens" = {
      config = host {
        services.nspawn-creds.fleets.prod.signers = [ "alice ssh-ed25519 AAAA" ];
        virtualisation.nspawn.containers.web = {
          config = { };
          credentials.id = {
            fleet = "prod";
            delivery = "native";
          };
        };
      };
      option = "${option}.web.credentials.id.delivery";
      says = "systemd can only open sealed files";
    };
    "an invalid machine name" = {
      config = named "two words" { network.veth.enable = false; };
      option = "${option}.\"two words\"";
      says = "Use letters, digits";
    };
    "a name too long for its interface" = {
      config = named "thirteen-long" { };
      option = "${option}.thirteen-long";
      says = ''interface "ve-thirteen-long": interface names have'';
    };
    "a name that nixpkgs' containers have, too" = {
      config = host {
        virtualisation.nspawn.containers.web = {
          config = { };
          credentials.id.fromStore = true;
        };
        containers.web = {
          config.system.stateVersion = "24.05";
          credentials.other.fromStore = true;
        };
      };
      option = "${option}.web";
      says = "nixpkgs' option containers.web has the same name";
    };
    "two names that make one host name" = {
      config = host {
        virtualisation.nspawn.containers = lib.genAttrs [ "a-b" "A.b" ] (_: {
          config = { };
        });
      };
      option = "${option}.\"A.b\"";
      says = "A.b and a-b would have the same host\nname, a-b";
    };
    "a zone too long for its bridge" = {
      config = network { veth.zone = "thirteen-long"; };
      option = "${option}.web.network.veth.zone";
      says = "Use a zone of\nat most 12 characters";
    };
    "a zone that cannot be part of an interface name" = {
      config = network { veth.zone = "a/b"; };
      option = "${option}.web.network.veth.zone";
      says = ''letters, digits, "-" and "_"'';
    };
    "a bridge that cannot be an interface" = {
      config = network { bridge = letters 16; };
      option = "${option}.web.network.bridge";
      says = "15 characters";
    };
    "a bridge and a zone" = {
      config = network {
        bridge = "br0";
        veth.zone = "z";
      };
      option = "${option}.web.network.bridge";
      says = "Remove network.veth.zone";
    };
    "a bridge and settings for the host's end" = {
      config = network {
        bridge = "br0";
        veth.config.host.networkConfig.LLDP = "no";
      };
      option = "${option}.web.network.veth";
      says = "Configure\nthe bridge itself";
    };
    "interfaces in the host's network" = {
      config = network {
        hostNetwork = true;
        macvlan = [ "eth0" ];
      };
      option = "${option}.web.network.hostNetwork";
      says = "Remove network.veth.zone";
    };
    "ports without a link" = {
      config = network {
        veth.enable = false;
        forwardPorts = [ { hostPort = 80; } ];
      };
      option = "${option}.web.network.forwardPorts";
      says = "or remove forwardPorts";
    };

    "an address for a link that is not there" = {
      config = network {
        veth.enable = false;
        veth.addresses = {
          host = [ "10.0.0.1/24" ];
          container = [ "10.0.0.2/24" ];
        };
      };
      option = "${option}.web.network.veth";
      says = "Remove\nzone, addresses and config of the link";
    };
    "settings for a link beside the host's network" = {
      config = network {
        hostNetwork = true;
        veth.config.container.networkConfig.DHCP = "no";
      };
      option = "${option}.web.network.veth";
      says = "network.veth.enable = false and network.hostNetwork";
    };
    "a static address without a gateway" = {
      config = network { veth.addresses.container = [ "10.0.0.2/24" ]; };
      option = "${option}.web.network.veth.addresses.host";
      says = ''Set addresses.host = [ "…" ]'';
    };
    "a host without networkd" = {
      config = host {
        systemd.network.enable = false;
        virtualisation.nspawn.containers.web.config = { };
      };
      option = "systemd.network.enable";
      says = "networkd leaves all other interfaces alone";
    };
    "a port that is forwarded to two containers" = {
      config = host {
        virtualisation.nspawn.containers = lib.genAttrs [ "a" "b" ] (_: {
          config = { };
          network.forwardPorts = [ { hostPort = 80; } ];
        });
      };
      option = "${option}.a.network.forwardPorts";
      says = "tcp port 80 is forwarded 2 times: by ${option}.a and ${option}.b";
    };

    "neither config nor path" = {
      config = web { };
      option = "${option}.web";
      says = "Set config = {";
    };
    "both config and path" = {
      config = web {
        config = { };
        path = "/nix/store/00000000000000000000000000000000-system";
      };
      option = "${option}.web";
      says = "Remove one of them";
    };
    "credentials of a container of nixpkgs' that does not exist" = {
      config = host {
        containers.web.config.system.stateVersion = "24.05";
        containers.wbe.credentials.id.fromStore = true;
      };
      option = "containers.wbe";
      says = "credentials for this container, but no system";
    };
    "path and a network for the container's config" = {
      config = web {
        path = "/profile";
        network.veth.config.container.networkConfig.DHCP = "no";
      };
      option = "${option}.web.network.veth";
      says = "Move config.container";
    };
    "path and a Nix daemon" = {
      config = web {
        path = "/profile";
        nixDaemon.enable = true;
      };
      option = "${option}.web.nixDaemon.enable";
      says = "guest.nixDaemon = true in that system";
    };
    "path and a console without a password" = {
      config = web {
        path = "/profile";
        passwordlessConsole = true;
      };
      option = "${option}.web.passwordlessConsole";
      says = "guest.passwordlessConsole = true in that system";
    };
    "a bind that is not an absolute path" = {
      config = web {
        config = { };
        binds."data" = { };
      };
      option = "${option}.web.binds";
      says = "not an absolute path in the container";
    };
    "an assertion of the container's own" = {
      config = web {
        config.assertions = [
          {
            assertion = false;
            message = "THIS is wrong.";
          }
        ];
      };
      option = "${option}.web.config";
      says = "THIS is wrong.";
    };

    "the same address in two containers" = {
      config = host {
        virtualisation.nspawn.containers = {
          a = addresses [ "10.0.0.1/24" ] [ "10.0.0.2/24" ];
          b = addresses [ "10.0.1.1/24" ] [ "10.0.0.2/24" ];
        };
      };
      option = "The address 10.0.0.2";
      says = "${option}.a.network.veth and ${option}.b.network.veth";
    };
    "the same address at both ends" = {
      config = host {
        virtualisation.nspawn.containers.a = addresses [ "10.0.0.1/24" ] [ "10.0.0.1/24" ];
      };
      option = "The address 10.0.0.1";
      says = "the host's network 10-ve-a";
    };
    "an address of another network of the host's" = {
      config = host {
        systemd.network.networks."20-lan".networkConfig.Address = [ "10.0.0.2/8" ];
        virtualisation.nspawn.containers.a = addresses [ "10.0.0.1/24" ] [ "10.0.0.2/24" ];
      };
      option = "The address 10.0.0.2";
      says = "the host's network 20-lan";
    };

    "an id with a space" = {
      config = credential "db password" { fromStore = true; };
      option = "${option}.web.credentials.\"db password\"";
      says = ''Use letters, digits, ".", "_" and "-"'';
    };
    "machine and id of more than 60 bytes" = {
      config = credential (letters 58) { fromStore = true; };
      option = "${option}.web.credentials.${letters 58}";
      says = "ids have at most 57 characters";
    };
    "a credential without a source" = {
      config = credential "id" { };
      option = "${option}.web.credentials.id";
      says = "Set exactly one of sealed, fromStore";
    };
    "a credential with two sources" = {
      config = credential "id" {
        fromStore = true;
        share = "db@id";
      };
      option = "${option}.web.credentials.id";
      says = "more than one source: fromStore, share";
    };
    "a credential with the same source in both forms" = {
      config = credential "id" {
        from.store = true;
        fromStore = true;
      };
      option = "${option}.web.credentials.id";
      says = "more than one source: from.store, fromStore";
    };
    "a plain file that would land in the store, by its tag" = {
      config = credential "id" { from.file = ./wrong/plain; };
      option = "${option}.web.credentials.id.from.file";
      says = "and set sealed = ./id.cred";
    };
    "a plain file that would land in the store" = {
      config = credential "id" { source = ./wrong/plain; };
      option = "${option}.web.credentials.id.source";
      says = "and set sealed = ./id.cred";
    };
    "a plain file of the store" = {
      config = credential "id" { source = "/nix/store/00000000000000000000000000000000-secret"; };
      option = "${option}.web.credentials.id.source";
      says = "in plaintext, where every user";
    };
    "a plain file of a policy's that would land in the store" = {
      config = host { services.nspawn-creds.policies.debian.credentials.id.file = ./wrong/plain; };
      option = "services.nspawn-creds.policies.debian.credentials.id.file";
      says = "in plaintext, where every user";
    };
    "a policy's sealed file that is plain" = {
      config = host { services.nspawn-creds.policies.debian.credentials.id.sealed = ./wrong/plain; };
      option = "services.nspawn-creds.policies.debian.credentials.id.sealed";
      says = "is not a sealed credential";
    };
    "a policy for a NixOS container" = {
      config = host {
        services.nspawn-creds.policies.web.credentials.id.store = true;
        virtualisation.nspawn.containers.web = {
          config = { };
          credentials.other.fromStore = true;
        };
      };
      option = "services.nspawn-creds.policies.web.credentials.id";
      says = "Move it to virtualisation.nspawn.containers.web.credentials";
    };
    "a source that is not an absolute path" = {
      config = credential "id" { source = "run/secret"; };
      option = "${option}.web.credentials.id.source";
      says = "not an absolute path";
    };
    "a source that the broker cannot see" = {
      config = credential "id" { source = "/root/secret"; };
      option = "${option}.web.credentials.id.source";
      says = ''the broker cannot see "/root/secret"'';
    };
    "a sealed file that the broker cannot see" = {
      config = host {
        services.nspawn-creds.policies.debian.credentials = {
          id.sealed = "/home/alice/id.cred";
          other.sealed = "/home/alice/other.cred";
          other.delivery = "native";
        };
      };
      option = "services.nspawn-creds.policies.debian.credentials.id.sealed";
      says = "it has no access to /home";
    };
    "a sealed file of two credentials" = {
      config = host {
        virtualisation.nspawn.containers = lib.genAttrs [ "app1" "app2" ] (_: {
          config = { };
          credentials.token.sealed = ./wrong/sealed.cred;
        });
      };
      option = "${option}.app2.credentials.token.sealed";
      says = ''set share = "app1@token"'';
    };
    "a sealed file that does not exist" = {
      config = credential "id" { sealed = ./wrong/none.cred; };
      option = "${option}.web.credentials.id.sealed";
      says = "none.cred does not exist";
    };
    "a sealed file that a flake does not have yet" = {
      config = credential "id" {
        sealed = /nix/store/00000000000000000000000000000000-source/web/id.cred;
      };
      option = "${option}.web.credentials.id.sealed: web/id.cred does not exist. A flake sees it after git add.\n";
      says = "--name=web@id - web/id.cred";
    };
    "a sealed file that is plain" = {
      config = credential "id" { sealed = ./wrong/plain; };
      option = "${option}.web.credentials.id.sealed";
      says = "seal it: nspawn-creds seal --host=HOST.json --name=web@id";
    };
    "a sealed file in quotation marks" = {
      config = credential "id" { sealed = "./id.cred"; };
      option = "${option}.web.credentials.id.sealed";
      says = "without quotation marks";
    };
    "a fleet that signs nothing for this host" = {
      config = host {
        services.nspawn-creds.fleets.prod.signers = [ "alice ssh-ed25519 AAAA" ];
        virtualisation.nspawn.containers.web = {
          config = { };
          credentials.id.fleet = "prdo";
        };
      };
      option = "${option}.web.credentials.id.fleet";
      says = ''this host belongs to no fleet "prdo", but to: prod.'';
    };
    "a required key type, and a file with another one" = {
      config = credential "id" {
        sealed = ../vectors/262-tpm2-nopcr-1.cred;
        keyType = "host+tpm2";
      };
      option = "${option}.web.credentials.id.keyType";
      says = "the file in sealed is sealed with \"tpm2\", and the broker refuses all but\n\"host+tpm2\". Remove keyType";
    };
    "a required key type, and a fleet's file with another one" = {
      config = inFleet { } "password" { keyType = "tpm2"; };
      option = "${option}.web.credentials.password.keyType";
      says = ''is sealed with "host"'';
    };
    "a required key type of a template" = {
      config = credential "id" {
        template = "text";
        keyType = "tpm2";
      };
      option = "${option}.web.credentials.id.keyType";
      says = "a credential from template is not sealed";
    };
    "a required key type with native delivery" = {
      config = credential "id" {
        fromStore = true;
        delivery = "native";
        keyType = "tpm2";
      };
      option = "${option}.web.credentials.id.keyType";
      says = ''set delivery = "boot"'';
    };
    "a store's value that a failure takes back" = {
      config = credential "id" {
        fromStore = true;
        onFailure = "previous";
      };
      option = "${option}.web.credentials.id.onFailure";
      says = "comes\nfrom fromStore. Remove onFailure";
    };
    "a generated password with a number of bytes" = {
      config = credential "id" {
        generate = {
          type = "password";
          bytes = 32;
        };
      };
      option = "${option}.web.credentials.id.generate.bytes";
      says = "bytes is for\nhex and base64. Remove it, or set length.";
    };
    "a generated key with a length" = {
      config = credential "id" {
        from.generate = {
          type = "uuid";
          length = 32;
        };
      };
      option = "${option}.web.credentials.id.from.generate.length";
      says = "length is for\npassword. Remove it.";
    };
    "native delivery of a share" = {
      config = credential "id" {
        share = "db@id";
        delivery = "native";
      };
      option = "${option}.web.credentials.id.delivery";
      says = ''or delivery = "boot"'';
    };
    "live delivery to nobody" = {
      config = credential "id" {
        fromStore = true;
        delivery = "live";
      };
      option = "${option}.web.credentials.id.services";
      says = "and none is named";
    };
    "live delivery to a service with too long a name" = {
      config = web {
        config.systemd.services.${letters 60} = { };
        credentials."sixteen-letters-" = {
          fromStore = true;
          delivery = "live";
          services = [ (letters 60) ];
        };
      };
      option = "${option}.web.credentials.sixteen-letters-.services";
      says = "at most 75 characters";
    };
    "a share that is not a credential's name" = {
      config = credential "id" { share = "db"; };
      option = "${option}.web.credentials.id.share";
      says = ''share = "CONTAINER@ID"'';
    };
    "a share that the other container does not have" = {
      config = host {
        virtualisation.nspawn.containers = {
          web = {
            config = { };
            credentials.id.share = "db@other";
          };
          db = {
            config = { };
            credentials.mine.fromStore = true;
          };
        };
      };
      option = "${option}.web.credentials.id.share";
      says = "It has:\nmine";
    };
    "a share of a machine whose policy has no credentials" = {
      config = host {
        services.nspawn-creds.policies.debian = { };
        virtualisation.nspawn.containers.web = {
          config = { };
          credentials.id.share = "debian@other";
        };
      };
      option = "${option}.web.credentials.id.share";
      says = ''has no credential "other"'';
    };
    "a template with an unknown placeholder" = {
      config = credential "id" { template = "a {{nothing}} b"; };
      option = "${option}.web.credentials.id.template";
      says = "{{nothing}} is not another credential";
    };
    "a template with spaces in a placeholder" = {
      config = web {
        config = { };
        credentials.id.template = "a {{ other }} b";
        credentials.other.fromStore = true;
      };
      option = "${option}.web.credentials.id.template";
      says = "Write {{other}}.";
    };
    "a template with itself as placeholder" = {
      config = credential "id" { template = "a {{id}} b"; };
      option = "${option}.web.credentials.id.template";
      says = "{{id}} is not another credential";
    };
    "a unit that is not a service" = {
      config = credential "id" {
        fromStore = true;
        services = [ "a.socket" ];
      };
      option = "${option}.web.credentials.id.services";
      says = ''"a.socket" is not a service'';
      # it is not a service of the container either
      others = 1;
    };
    "a service that the container does not have" = {
      config = credential "id" {
        fromStore = true;
        services = [ "postgresql" ];
      };
      option = "${option}.web.config";
      says = ''credentials.id.services: this container has no service "postgresql"'';
    };
    "a service of almost that name" = {
      config = web {
        config.systemd.services.postgresql.script = "true";
        credentials.id = {
          fromStore = true;
          services = [ "postgres" ];
        };
      };
      option = "${option}.web.config";
      says = ''no service "postgres". Did you mean "postgresql"? Use'';
    };
    "a credential that only the container's configuration has" = {
      config = web {
        config.systemd.services.app.script = "true";
        config.nspawn-creds.credentials.id.services = [ "app" ];
      };
      option = "${option}.web.credentials.id";
      says = "Move the setting to ${option}.web.credentials.id.";
    };
    "a service that only the container's configuration has for it" = {
      config = host {
        containers.web = {
          config.system.stateVersion = "24.05";
          config.systemd.services.app.script = "true";
          config.nspawn-creds.credentials.id.services = [ "app" ];
          credentials.id.fromStore = true;
        };
      };
      option = "containers.web.credentials.id";
      says = "Move the setting to containers.web.credentials.id.";
    };
    "an instance of a template that the container does not have" = {
      config = credential "id" {
        fromStore = true;
        services = [ "worker@1" ];
      };
      option = "${option}.web.config";
      says = ''systemd.services."worker@" = { }'';
    };
    "a service of users" = {
      config = web {
        config.systemd.user.services.mail.script = "true";
        credentials.id = {
          fromStore = true;
          services = [ "mail" ];
        };
      };
      option = "${option}.web.config";
      says = ''services = [ "user@UID" ]'';
    };
    "a template whose instances fetch a credential" = {
      config = web {
        config.systemd.services."worker@".script = "true";
        credentials.id = {
          fromStore = true;
          delivery = "live";
          services = [ "worker@" ];
        };
      };
      option = "${option}.web.credentials.id.services";
      says = ''services = [ "worker@1" ]'';
    };
    "an environment file in the service's own credentials" = {
      config = ofApp { serviceConfig.EnvironmentFile = "-%d/id"; } { };
      option = "${option}.web.config: systemd.services.\"app\".serviceConfig.EnvironmentFile";
      says = "Use config.nspawn-creds.credentials.id.systemPath";
    };
    "an environment file that is live" = {
      config = ofApp { serviceConfig.EnvironmentFile = "-%d/id"; } { delivery = "live"; };
      option = "${option}.web.config: systemd.services.\"app\".serviceConfig.EnvironmentFile";
      says = ''Set delivery = "boot" for id.'';
    };
    "a condition on the service's own credentials" = {
      config = ofApp { unitConfig.ConditionPathExists = "!/run/credentials/app.service/id"; } { };
      option = "${option}.web.config: systemd.services.\"app\".unitConfig.ConditionPathExists";
      says = "Use config.nspawn-creds.credentials.id.systemPath";
    };
    "a credential of a service's own that is loaded again" = {
      config = ofApp { serviceConfig.LoadCredential = [ "x:/run/credentials/app.service/id" ]; } { };
      option = "${option}.web.config: systemd.services.\"app\".serviceConfig.LoadCredential";
      says = "systemd itself reads";
    };
    "a password file that does not exist yet" = {
      config = web {
        config =
          { config, ... }:
          {
            users.users.root.hashedPasswordFile = config.nspawn-creds.credentials.id.systemPath;
          };
        credentials.id.fromStore = true;
      };
      option = "${option}.web.config: users.users.root.hashedPasswordFile";
      says = ''Use "/run/host/credentials/id"'';
    };
    "a service of something that is not enabled" = {
      config = web {
        config =
          { lib, ... }:
          {
            systemd.services.app = lib.mkIf false { script = "true"; };
          };
        credentials.id = {
          fromStore = true;
          services = [ "app" ];
        };
      };
      option = "${option}.web.config";
      says = ''credentials.id.services: this container has no service "app"'';
    };
    "a service that nixpkgs' container does not have" = {
      config = host {
        containers.web = {
          config.system.stateVersion = "24.05";
          credentials.id = {
            fromStore = true;
            services = [ "postgresql" ];
          };
        };
      };
      option = "containers.web.config";
      says = ''this container has no service "postgresql"'';
    };
    "nixpkgs' container, and machine and id of more than 60 bytes" = {
      config = host {
        containers.web = {
          config.system.stateVersion = "24.05";
          credentials.${letters 58}.fromStore = true;
        };
      };
      option = "containers.web.credentials.${letters 58}";
      says = "ids have at most 57 characters";
    };
  };

  verdict =
    name: case:
    let
      attempt = builtins.tryEval (builtins.deepSeq (tests.failed case.config) (tests.failed case.config));
      failed = if attempt.success then attempt.value else [ "(an error before any assertion)" ];
      fits = message: lib.hasPrefix case.option message && lib.hasInfix case.says message;
    in
    if
      builtins.length (builtins.filter fits failed) == 1 && builtins.length failed == 1 + case.others or 0
    then
      [ ]
    else
      [
        "${name}: expected one message about ${case.option}: …${case.says}…, got: ${builtins.toJSON failed}"
      ];
  all = builtins.attrNames cases;
  chosen = map (builtins.elemAt all) (
    builtins.filter (i: lib.mod i parts == part) (lib.range 0 (builtins.length all - 1))
  );
in
{
  checked = builtins.length chosen;
  bad = lib.concatMap (name: verdict name cases.${name}) chosen;
}
