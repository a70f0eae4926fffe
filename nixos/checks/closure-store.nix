# SPDX-License-Identifier: LGPL-2.1-or-later
# The container sees the paths of its own system and no others of the host's store.
{ pkgs, ... }:
{
  nodes.host = {
    system.extraDependencies = [ pkgs.hello ];
    virtualisation.nspawn.containers = {
      closure = {
        config = { };
        store = "closure";
      };
      full = {
        config = { };
        store = "full";
      };
    };
  };

  testScript = ''
    for name in ["closure", "full"]:
        host.wait_for_unit(f"systemd-nspawn@{name}.service")
        host.wait_until_succeeds(f"systemctl -M {name} is-active multi-user.target")

    def inside(name, command):
        return f"systemd-run -M {name} --quiet --wait --pipe -- /bin/sh -c '{command}'"

    host.succeed(inside("full", "test -e ${pkgs.hello}"))
    host.fail(inside("closure", "test -e ${pkgs.hello}"))
    listed = host.succeed(inside("closure", "ls /nix/store")).split()
    closure = host.succeed("nix-store -qR $(sed -n s,^Parameters=,,p /etc/systemd/nspawn/closure.nspawn | xargs dirname)").split()
    assert sorted(listed) == sorted(path.split("/")[-1] for path in closure)
    mounts = int(host.succeed(inside("closure", "grep -c /nix/store /proc/self/mountinfo")))
    assert mounts == 1, f"{mounts} mounts for the store"
    host.fail(inside("closure", "touch /nix/store/new"))
  '';
}
