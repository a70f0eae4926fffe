# SPDX-License-Identifier: LGPL-2.1-or-later
# A new value reaches a running container, whose services alone are restarted.
{
  nodes.host = {
    virtualisation.tpm.enable = true;
    virtualisation.nspawn.containers.web = {
      autoStart = false;
      config.imports = [
        (import ./lib/reader.nix "reader")
        (import ./lib/reader.nix "other")
      ];
      credentials.token = {
        fromStore = true;
        delivery = "live";
        services = [ "reader" ];
        onChange = "restart";
      };
    };
  };

  testScript = ''
    def inside(command):
        return host.succeed(f"systemd-run -M web --quiet --wait --pipe -- /bin/sh -lc '{command}'")

    def started(unit):
        return host.succeed(f"systemctl -M web show -P ActiveEnterTimestampMonotonic {unit}")

    host.wait_for_unit("nspawn-creds-broker.socket")
    host.succeed("printf one | nspawn-creds set --with-key=tpm2 web@token -")
    host.succeed("systemctl start systemd-nspawn@web.service")
    host.wait_until_succeeds("systemctl -M web is-active reader.service other.service")
    assert inside("cat /run/seen/reader/token") == "one"

    leader = host.succeed("machinectl show -P Leader web")
    other = started("other.service")
    host.succeed("printf two | nspawn-creds rotate web@token -")
    host.wait_until_succeeds("systemd-run -M web --quiet --wait -- /bin/sh -lc 'grep two /run/seen/reader/token'")
    assert leader == host.succeed("machinectl show -P Leader web"), "the container was restarted"
    assert other == started("other.service"), "a service was restarted that has no such credential"
  '';
}
