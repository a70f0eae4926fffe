# SPDX-License-Identifier: LGPL-2.1-or-later
# Credentials for nixpkgs' own containers.
{
  nodes.host = {
    virtualisation.tpm.enable = true;
    containers.web = {
      config.imports = [
        (import ./lib/reader.nix "reader")
        { system.stateVersion = "24.05"; }
      ];
      credentials = {
        boot = {
          fromStore = true;
          services = [ "reader" ];
        };
        native = {
          sealed = "/var/lib/sealed/native.cred";
          delivery = "native";
          services = [ "reader" ];
        };
        live = {
          fromStore = true;
          delivery = "live";
          services = [ "reader" ];
        };
      };
    };
  };

  testScript = ''
    host.wait_for_unit("nspawn-creds-broker.socket")
    host.succeed("mkdir -p /var/lib/sealed")
    for id in ["boot", "live"]:
        host.succeed(f"printf 'secret {id}' | nspawn-creds set --with-key=tpm2 web@{id} -")
    host.succeed("printf 'secret native' | nspawn-creds encrypt --with-key=tpm2 --name=web@native - /var/lib/sealed/native.cred")
    host.succeed("systemctl start container@web.service")
    host.wait_until_succeeds("systemctl -M web is-active reader.service")
    for id in ["boot", "live", "native"]:
        assert host.succeed(f"nixos-container run web -- cat /run/seen/reader/{id}") == f"secret {id}"
  '';
}
