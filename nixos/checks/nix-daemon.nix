# SPDX-License-Identifier: LGPL-2.1-or-later
# A Nix daemon of the container's own: it builds, and the host knows nothing of it.
{
  nodes.host = {
    # An overlay cannot be made of more than two others, and the VM's store is one already.
    virtualisation.writableStore = false;
    virtualisation.nspawn.containers = {
      builder = {
        config = { };
        nixDaemon.enable = true;
      };
      plain.config = { };
    };
  };

  testScript = ''
    for name in ["builder", "plain"]:
        host.wait_for_unit(f"systemd-nspawn@{name}.service")
        host.wait_until_succeeds(f"systemctl -M {name} is-active multi-user.target")

    def inside(name, command):
        return f"systemd-run -M {name} --quiet --wait --pipe -- /bin/sh -lc '{command}'"

    built = host.succeed(inside("builder", "nix-store --add /etc/os-release")).strip()
    host.succeed(inside("builder", f"test -e {built} && nix-store --check-validity {built} /run/current-system"))
    host.fail(f"test -e {built}")
    host.fail(inside("plain", "command -v nix-store"))
    host.fail(inside("plain", "test -e /nix/var/nix/daemon-socket/socket"))
  '';
}
