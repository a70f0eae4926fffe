# SPDX-License-Identifier: LGPL-2.1-or-later
# No container gets what is another's, and one that cannot have its own does not start.
{ lib, ... }:
{
  nodes.host = {
    virtualisation.tpm.enable = true;
    virtualisation.nspawn.containers = lib.genAttrs [ "web" "db" ] (_: {
      autoStart = false;
      config = import ./lib/reader.nix "reader";
      credentials.password = {
        fromStore = true;
        services = [ "reader" ];
      };
    });
  };

  testScript = ''
    store = "/var/lib/nspawn-creds/store"
    host.wait_for_unit("nspawn-creds-broker.socket")
    for name in ["web", "db"]:
        host.succeed(f"printf 'for {name}' | nspawn-creds set --with-key=tpm2 {name}@password -")

    with subtest("another's sealed file is refused, wherever it lies"):
        host.succeed(f"cp -p {store}/web/password.cred /tmp && cp -p {store}/db/password.cred {store}/web/")
        host.fail("systemctl start systemd-nspawn@web.service")
        assert host.succeed("systemctl show -P ExecMainStatus systemd-nspawn@web.service").strip() == "243"
        host.succeed("journalctl -u nspawn-creds-broker.service NSPAWN_CREDS_VERDICT=refused | grep password")
        host.succeed(f"cp -p /tmp/password.cred {store}/web/")

    with subtest("each gets its own"):
        for name in ["web", "db"]:
            host.succeed(f"systemctl reset-failed; systemctl start systemd-nspawn@{name}.service")
            host.wait_until_succeeds(f"systemctl -M {name} is-active reader.service")
            value = host.succeed(f"systemd-run -M {name} --quiet --wait --pipe -- /run/current-system/sw/bin/cat /run/seen/reader/password")
            assert value == f"for {name}"

    with subtest("the policies are not the containers' to see"):
        host.fail("systemd-run -M web --quiet --wait -- /bin/sh -lc 'ls /etc/nspawn-creds /var/lib/nspawn-creds'")
  '';
}
