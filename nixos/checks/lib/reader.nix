# SPDX-License-Identifier: LGPL-2.1-or-later
# A service for the inside of a container that shows what it was given, in /run/seen/SERVICE/.
service: {
  systemd.services.${service} = {
    wantedBy = [ "multi-user.target" ];
    script = ''
      mkdir -p /run/seen/${service}
      if [ -n "''${CREDENTIALS_DIRECTORY:-}" ]; then
        cp "$CREDENTIALS_DIRECTORY"/* /run/seen/${service}/
      fi
    '';
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
    };
  };
}
