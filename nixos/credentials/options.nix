# SPDX-License-Identifier: LGPL-2.1-or-later
# One credential of one container: a submodule that host.nix and nixos-containers.nix share.
{ lib }:
let
  inherit (lib) mkOption types;

  unsetOr =
    type: args:
    mkOption (
      {
        type = types.nullOr type;
        default = null;
      }
      // args
    );

  generate = types.submodule {
    options = {
      type = mkOption {
        type = types.enum [
          "password"
          "hex"
          "base64"
          "uuid"
          "ssh-ed25519"
          "x25519"
        ];
        example = "password";
        description = "What to make: a password, so many random bytes as text, a UUID, or a private key.";
      };
      length = unsetOr types.ints.positive {
        example = 32;
        description = "Characters of a password.";
      };
      alphabet = unsetOr types.str {
        example = "abcdefghjkmnpqrstuvwxyz23456789";
        description = "The characters that a password is made of.";
      };
      bytes = unsetOr types.ints.positive {
        example = 32;
        description = "Random bytes behind `hex` or `base64`.";
      };
    };
  };
in
{
  options = {
    sealed = unsetOr (types.either types.path types.str) {
      example = lib.literalExpression "./web/db-password.cred";
      description = ''
        A sealed file, made by {command}`nspawn-creds seal` or {command}`nspawn-creds encrypt` for the
        name `CONTAINER@ID`. It is safe in git and in the Nix store: nothing but the TPM or key of the
        host that it is sealed for opens it.
      '';
    };
    fromStore = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the credential is kept on the host, by {command}`nspawn-creds set`.";
    };
    generate = unsetOr generate {
      example = {
        type = "password";
        length = 32;
      };
      description = "Make the credential on the host, at its first use, and keep it sealed there.";
    };
    template = unsetOr types.lines {
      example = ''
        DATABASE_URL=postgres://web:{{db-password}}@localhost/web
      '';
      description = ''
        A text in which `{{ID}}` stands for the container's credential of that id, such as the
        environment file of a service; `{{{{` stands for two braces. The text itself is no secret: it
        is in the Nix store.
      '';
    };
    share = unsetOr types.str {
      example = "db@db-password";
      description = "Another container's credential, as `CONTAINER@ID`, which this one may have, too.";
    };
    source = unsetOr (types.either types.path types.str) {
      example = "/run/agenix/db-password";
      description = ''
        A file with the secret in plain on the host, which something else puts there, such as agenix,
        sops-nix or an agent: root's, of the group `nspawn-creds`, mode 0640. For a way in from those
        or out to them; {option}`sealed` needs none.
      '';
    };
    services = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "postgresql" ];
      description = ''
        The container's services that get the credential, in `$CREDENTIALS_DIRECTORY`, `%d` in their
        units, and `config.nspawn-creds.credentials.ID.path`.
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
        `boot`: the container has it when it starts, and root in the container can read it.
        `live`: each service in {option}`services` fetches it when it starts, and nothing else in the
        container has it; a new value needs no restart of the container.
        `native`: systemd opens the sealed file itself when the container starts, without the broker.
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
        What a new value does to {option}`services`. With `live` delivery they alone are restarted or
        reloaded, by {command}`nspawn-creds rotate` and by a switch to a configuration with another
        sealed file or template; a reload brings the value with systemd 260 and later. With `boot` and
        `native` delivery the container has to start again for it, which `restart` has a switch do.
      '';
    };
  };
}
