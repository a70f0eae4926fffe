# SPDX-License-Identifier: LGPL-2.1-or-later
# A container's share of the machine is limited.
{
  nodes.host = {
    virtualisation.nspawn.containers.web = {
      config = { };
      limits = {
        cpuQuota = "150%";
        cpuWeight = 50;
        memoryHigh = "400M";
        memoryMax = "512M";
        tasksMax = 500;
      };
    };
  };

  testScript = ''
    host.wait_for_unit("systemd-nspawn@web.service")
    cgroup = "/sys/fs/cgroup" + host.succeed("systemctl show -P ControlGroup systemd-nspawn@web.service").strip()
    assert host.succeed(f"cat {cgroup}/memory.max").strip() == str(512 * 1024 * 1024)
    assert host.succeed(f"cat {cgroup}/memory.high").strip() == str(400 * 1024 * 1024)
    assert host.succeed(f"cat {cgroup}/pids.max").strip() == "500"
    assert host.succeed(f"cat {cgroup}/cpu.weight").strip() == "50"
    assert host.succeed(f"cat {cgroup}/cpu.max").strip() == "150000 100000"
  '';
}
