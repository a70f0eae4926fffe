# SPDX-License-Identifier: LGPL-2.1-or-later
# Directories of the host in the container: read-only, by another name, and with the right owners.
{
  nodes.host = {
    systemd.tmpfiles.rules = [
      "d /data/plain 0777 root root"
      "d /data/owned 0755 1000 1000"
      "f /data/owned/file 0644 1000 1000 - hello"
      "d /data/fixed 0755 root root"
      "f /data/fixed/file 0644 root root - hello"
    ];
    virtualisation.nspawn.containers.web = {
      config = { };
      binds = {
        "/data/plain" = { };
        "/srv/owned" = {
          hostPath = "/data/owned";
          options = [ "idmap" ];
        };
        "/srv/rootowned" = {
          hostPath = "/data/owned";
          options = [ "rootidmap" ];
        };
        "/srv/fixed" = {
          hostPath = "/data/fixed";
          readOnly = true;
          options = [ "idmap" ];
        };
      };
    };
  };

  testScript = ''
    def inside(command):
        return host.succeed(f"systemd-run -M web --quiet --wait --pipe -- /bin/sh -c '{command}'").strip()

    host.wait_for_unit("systemd-nspawn@web.service")
    host.wait_until_succeeds("systemctl -M web is-active multi-user.target")
    assert inside("stat -c %u /srv/owned/file") == "1000"
    assert inside("stat -c %u /srv/rootowned/file") == "0"
    assert inside("stat -c %u /srv/fixed/file") == "0"
    assert inside("touch /srv/fixed/new || echo refused") == "refused"
    inside("touch /srv/owned/new && chown 1000 /srv/owned/new")
    assert host.succeed("stat -c %u /data/owned/new").strip() == "1000"

    with subtest("what is written there stays, and nothing else does"):
        inside("touch /data/plain/kept /root/lost")
        host.succeed("systemctl restart systemd-nspawn@web.service")
        host.wait_until_succeeds("systemctl -M web is-active multi-user.target")
        assert inside("ls /data/plain") == "kept"
        assert inside("ls /root") == ""
  '';
}
