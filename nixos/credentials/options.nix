# SPDX-License-Identifier: LGPL-2.1-or-later
# One credential of one container. host.nix and nixos-containers.nix share this submodule.
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
        description = "What to generate: a password, random bytes as text, a UUID or a private key.";
      };
      length = unsetOr types.ints.positive {
        example = 32;
        description = "Length of a password, in characters.";
      };
      alphabet = unsetOr types.str {
        example = "abcdefghjkmnpqrstuvwxyz23456789";
        description = "Characters that a password may contain.";
      };
      bytes = unsetOr types.ints.positive {
        example = 32;
        description = "Number of random bytes, for `hex` and `base64`.";
      };
    };
  };
in
{
  options = {
    sealed = unsetOr (types.either types.path types.str) {
      example = lib.literalExpression "./web/db-password.cred";
      description = ''
        A file that {command}`nspawn-creds seal` or {command}`nspawn-creds encrypt` sealed under the
        name `CONTAINER@ID`. It is safe in git and in the Nix store: only the TPM or the host key of
        the host that it is sealed for can open it.
      '';
    };
    fromStore = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the credential is in the host's store, where {command}`nspawn-creds set` puts it.";
    };
    generate = unsetOr generate {
      example = {
        type = "password";
        length = 32;
      };
      description = "Generate the credential on the host when it is first used, and keep it sealed there.";
    };
    template = unsetOr types.lines {
      example = ''
        DATABASE_URL=postgres://web:{{db-password}}@localhost/web
      '';
      description = ''
        A text, such as the environment file of a service, in which `{{ID}}` is replaced by the
        container's credential of that id. Write `{{{{` for two braces. The text itself is not secret:
        it is in the Nix store.
      '';
    };
    share = unsetOr types.str {
      example = "db@db-password";
      description = "Credential of another container that this container also gets, as `CONTAINER@ID`.";
    };
    source = unsetOr (types.either types.path types.str) {
      example = "/run/agenix/db-password";
      description = ''
        A plaintext file on the host that another program puts there, such as agenix, sops-nix or an
        agent. It must belong to root and to group `nspawn-creds`, with mode 0640. This is for
        migrating from or to such programs; {option}`sealed` needs no other program.
      '';
    };
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
    keyType =
      unsetOr
        (types.enum [
          "host"
          "tpm2"
          "host+tpm2"
          "tpm2-with-public-key"
          "host+tpm2-with-public-key"
        ])
        {
          example = "host+tpm2";
          description = ''
            The key type that the sealed file must have, or the broker refuses it. With `host+tpm2`
            only root on the host can have sealed it. For {option}`sealed`, {option}`fromStore` and
            {option}`generate`, except with `native` delivery.
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
  };
}
