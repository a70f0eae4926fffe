# SPDX-License-Identifier: LGPL-2.1-or-later
# A container with nothing special: up, on the network, known to machined, gone when it is stopped.
{
  nodes.host = {
    virtualisation.nspawn.containers.web.config = { };
  };

  testScript = ''
    host.wait_for_unit("systemd-nspawn@web.service")
    host.wait_until_succeeds("systemctl -M web is-active multi-user.target")
    host.succeed("machinectl list --no-legend | grep -w web")
    host.succeed("loginctl -M web list-sessions")

    with subtest("host and container find each other by name"):
        host.wait_until_succeeds("ping -c 1 web")
        host.wait_until_succeeds("machinectl shell web /run/current-system/sw/bin/ping -c 1 host")

    with subtest("the container has user ids of its own"):
        uid = int(host.succeed("stat -c %u /proc/$(machinectl show -P Leader web)"))
        assert uid >= 65536, f"the container's root is user {uid} of the host"

    with subtest("its journal is on the host, and outlives it"):
        host.succeed("systemd-run -M web --wait -- /run/current-system/sw/bin/systemd-cat echo hello from web")
        host.wait_until_succeeds("journalctl --merge | grep 'hello from web'")

    with subtest("an orderly shutdown, and nothing left"):
        host.succeed("systemctl stop systemd-nspawn@web.service")
        host.succeed("journalctl --merge _HOSTNAME=web | grep 'Reached target.*Shutdown'")
        host.succeed("test -z \"$(ls -A /var/lib/machines/web)\"")
        host.fail("ip link show ve-web")
        host.fail("mountpoint -q /run/nixos-nspawn-ephemeral/web/store")
  '';
}
