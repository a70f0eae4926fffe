# SPDX-License-Identifier: LGPL-2.1-or-later
# Every source a credential can come from, with a TPM: each value is what its service reads.
{
  nodes.host = {
    virtualisation.tpm.enable = true;
    # In place of agenix or sops-nix.
    systemd.tmpfiles.rules = [ "f /run/agent/api-token 0640 root nspawn-creds - from-an-agent" ];
    virtualisation.nspawn.containers = {
      web = {
        autoStart = false;
        config = import ./lib/reader.nix "reader";
        credentials = {
          sealed = {
            # In a configuration this is ./web/sealed.cred; here only the VM itself can seal for its TPM.
            sealed = "/var/lib/sealed/web-sealed.cred";
            services = [ "reader" ];
          };
          stored = {
            fromStore = true;
            services = [ "reader" ];
          };
          password = {
            generate = {
              type = "password";
              length = 20;
            };
            services = [ "reader" ];
          };
          environment = {
            template = ''
              STORED={{stored}}
            '';
            services = [ "reader" ];
          };
          api-token = {
            source = "/run/agent/api-token";
            services = [ "reader" ];
          };
        };
      };
      db = {
        autoStart = false;
        config = import ./lib/reader.nix "reader";
        credentials.password = {
          share = "web@password";
          services = [ "reader" ];
        };
      };
    };
  };

  testScript = ''
    def seen(machine, id):
        return host.succeed(f"systemd-run -M {machine} --quiet --wait --pipe -- /run/current-system/sw/bin/cat /run/seen/reader/{id}")

    host.wait_for_unit("nspawn-creds-broker.socket")
    host.succeed("mkdir -p /var/lib/sealed")
    host.succeed("printf one | nspawn-creds encrypt --with-key=tpm2 --name=web@sealed - /var/lib/sealed/web-sealed.cred")
    host.succeed("chmod 0644 /var/lib/sealed/web-sealed.cred")
    host.succeed("printf two | nspawn-creds set --with-key=host+tpm2 web@stored -")
    for name in ["web", "db"]:
        host.succeed(f"systemctl start systemd-nspawn@{name}.service")
        host.wait_until_succeeds(f"systemctl -M {name} is-active reader.service")
    assert seen("web", "sealed") == "one"
    assert seen("web", "stored") == "two"
    assert seen("web", "environment") == "STORED=two\n"
    assert seen("web", "api-token") == "from-an-agent"
    password = seen("web", "password")
    assert len(password) == 20
    assert seen("db", "password") == password

    with subtest("what was generated stays"):
        host.succeed("systemctl restart systemd-nspawn@web.service")
        host.wait_until_succeeds("systemctl -M web is-active reader.service")
        assert seen("web", "password") == password
  '';
}
