# SPDX-License-Identifier: LGPL-2.1-or-later
# The three deliveries: each reaches the service that is named, and no other.
{
  nodes.host = {
    virtualisation.tpm.enable = true;
    virtualisation.nspawn.containers.web = {
      autoStart = false;
      config.imports = [
        (import ./lib/reader.nix "reader")
        (import ./lib/reader.nix "other")
      ];
      credentials = {
        boot = {
          fromStore = true;
          services = [ "reader" ];
        };
        live = {
          fromStore = true;
          delivery = "live";
          services = [ "reader" ];
        };
        native = {
          sealed = "/var/lib/sealed/native.cred";
          delivery = "native";
          services = [ "reader" ];
        };
      };
    };
  };

  testScript = ''
    def inside(command):
        return host.succeed(f"systemd-run -M web --quiet --wait --pipe -- /bin/sh -lc '{command}'")

    host.wait_for_unit("nspawn-creds-broker.socket")
    host.succeed("mkdir -p /var/lib/sealed")
    for id in ["boot", "live"]:
        host.succeed(f"printf 'secret {id}' | nspawn-creds set --with-key=tpm2 web@{id} -")
    host.succeed("printf 'secret native' | nspawn-creds encrypt --with-key=tpm2 --name=web@native - /var/lib/sealed/native.cred")
    host.succeed("systemctl start systemd-nspawn@web.service")
    for service in ["reader", "other"]:
        host.wait_until_succeeds(f"systemctl -M web is-active {service}.service")
    for id in ["boot", "live", "native"]:
        assert inside(f"cat /run/seen/reader/{id}") == f"secret {id}"
    assert inside("ls /run/seen/other") == ""

    with subtest("what is delivered live is nowhere else in the container"):
        assert "live" not in inside("ls /run/credentials/@system")

    with subtest("and no service gets it that is not named"):
        ask = "systemd-run -M web --quiet --wait --property=LoadCredential=live:/run/host/nspawn-creds/socket"
        host.fail(f"{ask} --unit=intruder -- /bin/sh -c true")
        host.succeed("nspawn-creds log web | grep intruder.service")
  '';
}
