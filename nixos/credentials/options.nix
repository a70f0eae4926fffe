# SPDX-License-Identifier: LGPL-2.1-or-later
# One credential of one container. host.nix and nixos-containers.nix share this submodule.
{ lib }:
let
  inherit (lib) mkOption types;
in
{
  options = (import ./sources.nix { inherit lib; }).options // {
    services = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "postgresql" ];
      description = ''
        Services in the container that get the credential. They find it in `$CREDENTIALS_DIRECTORY`
        (`%d` in unit files), and at `config.nspawn-creds.credentials.ID.path`.
      '';
    };
    delivery = mkOption {
      type = types.enum [
        "boot"
        "live"
        "native"
      ];
      default = "boot";
      description = ''
        `boot`: the container gets it at its start, and root in the container can read it.
        `live`: each service in {option}`services` fetches it when the service starts, and nothing else
        in the container gets it. A new value does not need a restart of the container.
        `native`: systemd itself opens the sealed file when the container starts, without the broker.
      '';
    };
    keyType = mkOption {
      type = types.nullOr (
        types.enum [
          "host"
          "tpm2"
          "host+tpm2"
          "tpm2-with-public-key"
          "host+tpm2-with-public-key"
        ]
      );
      default = null;
      example = "host+tpm2";
      description = ''
        The key type that the sealed file must have, or the broker refuses it. With `host+tpm2` or `host`
        only root on the host can have sealed it. {command}`nspawn-creds seal` seals with `tpm2`, and
        {command}`nspawn-creds encrypt --with-key=` on the host with each of them. For {option}`sealed`,
        {option}`fromStore`, {option}`generate` and {option}`fleet`, except with `native` delivery.
      '';
    };
    onChange = mkOption {
      type = types.enum [
        "restart"
        "reload"
        "none"
      ];
      default = "restart";
      description = ''
        What happens to {option}`services` when the value changes. With `live` delivery only they are
        restarted or reloaded, by {command}`nspawn-creds rotate` and by a switch that changes a
        sealed file or a text that the value is made of. A reload brings the new value with systemd 260 and later. With `boot`
        and `native` delivery the container must restart; with `restart` a switch does that.
      '';
    };
    onFailure = mkOption {
      type = types.enum [
        "keep"
        "previous"
      ];
      default = "keep";
      description = ''
        What happens to a value of {option}`fleet` if one of {option}`services` does not come back with it:
        `keep` leaves it in place, `previous` serves the value before again, which the container
        itself can then bring about.
      '';
    };
  };
}
