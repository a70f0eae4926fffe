# SPDX-License-Identifier: LGPL-2.1-or-later
# Where a credential comes from: the options, and the one form in which everything else sees them. The
# tags of `from` are the members of a policy. Each has a short form, an option of the credential itself.
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
        description = "Kind of secret: a password, random bytes as text, a UUID or a private key.";
      };
      length = unsetOr (types.ints.between 1 1024) {
        example = 20;
        description = "Length of a password, in characters; 32 unless you set it.";
      };
      alphabet = unsetOr types.str {
        example = "abcdefghjkmnpqrstuvwxyz23456789";
        description = "Characters that a password may contain, each once; letters and digits unless you set it.";
      };
      bytes = unsetOr (types.ints.between 8 1024) {
        example = 16;
        description = "Number of random bytes, for `hex` and `base64`; 32 unless you set it.";
      };
    };
  };

  tags = {
    sealed = {
      type = types.either types.path types.str;
      example = lib.literalExpression "./web/db-password.cred";
      description = ''
        A file that {command}`nspawn-creds seal` or {command}`nspawn-creds encrypt` sealed under the
        name `CONTAINER@ID`. It is safe in git and in the Nix store: only the TPM or the host key of
        the host that it is sealed for can open it.
      '';
    };
    store = {
      type = types.enum [ true ];
      example = true;
      description = "The credential is in the host's store, where {command}`nspawn-creds set` puts it.";
    };
    generate = {
      type = generate;
      example = {
        type = "password";
        length = 32;
      };
      description = "Generate the credential on the host when it is first used, and keep it sealed there.";
    };
    template = {
      type = types.lines;
      example = ''
        DATABASE_URL=postgres://web:{{db-password}}@localhost/web
      '';
      description = ''
        A text, such as the environment file of a service, in which `{{ID}}` is replaced by the
        container's credential of that id. Write `{{{{` for two braces. The text itself is not secret:
        it is in the Nix store.
      '';
    };
    share = {
      type = types.str;
      example = "db@db-password";
      description = "Credential of another container that this container also gets, as `CONTAINER@ID`.";
    };
    file = {
      type = types.either types.path types.str;
      example = "/run/agenix/db-password";
      description = ''
        A plaintext file on the host that another program puts there, such as agenix, sops-nix or an
        agent. It must belong to root and to group `nspawn-creds`, with mode 0640. This is for
        migrating from or to such programs; {option}`sealed` needs no other program.
      '';
    };
    fleet = {
      type = types.str;
      example = "prod";
      description = ''
        A fleet of {option}`services.nspawn-creds.fleets`: the file that its signers signed for this host as
        `CONTAINER@ID`. The broker takes it from what the host accepted, and from nowhere else.
      '';
    };
  };

  tagged = types.attrTag (lib.mapAttrs (_: mkOption) tags) // {
    # Older trees do not name the tags in the error about an unknown one.
    description = "set with one of ${lib.concatStringsSep ", " (builtins.attrNames tags)}";
  };

  # The short forms that are not named like their tag.
  names = {
    store = "fromStore";
    file = "source";
  };
  short = tag: names.${tag} or tag;
in
rec {
  options = {
    from = unsetOr tagged {
      example = lib.literalExpression "{ sealed = ./web/db-password.cred; }";
      description = ''
        Where the credential comes from: a set with exactly one of the following. Each has a short form,
        an option of the credential itself.
      '';
    };
  }
  // lib.mapAttrs' (
    tag: option:
    lib.nameValuePair (short tag) (
      unsetOr option.type {
        inherit (option) example;
        description = "Short for {option}`from.${tag}`.";
      }
    )
  ) (removeAttrs tags [ "store" ])
  // {
    fromStore = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the credential is in the host's store. Short for {option}`from.store`.";
    };
  };

  # All sources that a credential is given, each with the option that says so. There must be exactly one.
  given =
    c:
    lib.mapAttrsToList (tag: value: {
      inherit tag value;
      option = "from.${tag}";
    }) (if c.from == null then { } else c.from)
    ++ lib.concatMap (
      tag:
      let
        option = short tag;
        value = c.${option};
      in
      lib.optional (value != null && value != false) { inherit tag value option; }
    ) (builtins.attrNames tags);

  # The source, as { TAG = value; }.
  of = c: lib.listToAttrs (map (s: lib.nameValuePair s.tag s.value) (given c));
}
