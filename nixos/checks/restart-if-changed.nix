# SPDX-License-Identifier: LGPL-2.1-or-later
# A switch restarts what has changed and is to be restarted, and lets the rest alone.
{ lib, ... }:
let
  container = restartIfChanged: text: {
    inherit restartIfChanged;
    config.environment.etc."generation".text = text;
  };
in
{
  nodes.host = {
    virtualisation.nspawn.containers = {
      restarts = container true "one";
      stays = container false "one";
      same.config = { };
    };
    specialisation.changed.configuration.virtualisation.nspawn.containers = {
      restarts.config.environment.etc."generation".text = "-two";
      stays.config.environment.etc."generation".text = "-two";
    };
    specialisation.gone.configuration.virtualisation.nspawn.containers = lib.mkForce {
      same.config = { };
    };
  };

  testScript = ''
    names = ["restarts", "stays", "same"]

    def leaders():
        return {n: host.succeed(f"machinectl show -P Leader {n}").strip() for n in names}

    for name in names:
        host.wait_for_unit(f"systemd-nspawn@{name}.service")
        host.wait_until_succeeds(f"systemctl -M {name} is-active multi-user.target")
    before = leaders()
    host.succeed("/run/current-system/specialisation/changed/bin/switch-to-configuration test")
    host.wait_until_succeeds("systemctl -M restarts is-active multi-user.target")
    after = leaders()
    assert before["restarts"] != after["restarts"], "the changed container was not restarted"
    assert before["stays"] == after["stays"], "restartIfChanged = false was ignored"
    assert before["same"] == after["same"], "a container was restarted that had not changed"

    with subtest("a container that is no longer configured is stopped"):
        host.succeed("/run/current-system/specialisation/gone/bin/switch-to-configuration test || true")
        host.wait_until_fails("machinectl show restarts")
        host.fail("systemctl is-failed systemd-nspawn@restarts.service")
  '';
}
