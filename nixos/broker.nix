# SPDX-License-Identifier: LGPL-2.1-or-later
# The broker on a NixOS host: its units, its user, its TPM, and the policies. The program itself checks
# the policies when the system is built.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.services.nspawn-creds;

  # All policies are checked together, because one may share a credential of another. Their text keeps
  # the sealed files in the Nix store alive.
  checked = pkgs.runCommand "nspawn-creds-policies" { preferLocalBuild = true; } ''
    mkdir "$out"
    cd "$out"
    ${lib.concatStrings (
      lib.mapAttrsToList (machine: policy: ''
        cp ${pkgs.writeText "${machine}.json" (builtins.toJSON policy)} ${machine}.json
      '') cfg.policies
    )}
    ${cfg.checkPackage}/bin/nspawn-creds check *.json
  '';
in
{
  options.services.nspawn-creds = {
    enable = lib.mkEnableOption "the credentials broker for containers. It is enabled automatically if a container has credentials";
    package = mkOption {
      type = types.package;
      default = pkgs.nspawn-creds or (pkgs.callPackage ./package.nix { });
      defaultText = lib.literalExpression "pkgs.nspawn-creds";
      description = "Package with the programs and units.";
    };
    checkPackage = mkOption {
      type = types.package;
      default = if pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform then cfg.package else pkgs.buildPackages.callPackage ./package.nix { };
      defaultText = lib.literalExpression "config.services.nspawn-creds.package";
      internal = true;
      description = "Package that checks policies during the build.";
    };
    tpm2.enable = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the broker may use the TPM. Without a TPM this has no effect.";
    };
    policies = mkOption {
      type = types.attrsOf types.attrs;
      default = { };
      internal = true;
      description = "Policies by machine, see {manpage}`nspawn-creds-policy(5)`.";
    };
  };

  config = lib.mkMerge [
    (lib.mkIf (cfg.policies != { }) {
      environment.etc = lib.mapAttrs' (
        machine: _: lib.nameValuePair "nspawn-creds/${machine}.json" { source = "${checked}/${machine}.json"; }
      ) cfg.policies;
      environment.systemPackages = [ cfg.package ];
    })

    (lib.mkIf cfg.enable {
      environment.systemPackages = [ cfg.package ];

      systemd.packages = [ cfg.package ];
      # NixOS ignores the [Install] sections of packages.
      systemd.sockets = lib.genAttrs [ "nspawn-creds-broker" "nspawn-creds-control" ] (_: {
        wantedBy = [ "sockets.target" ];
      });
      # All of the program's libraries are in the Nix store.
      systemd.services.nspawn-creds-broker.serviceConfig.ExecPaths = [
        ""
        builtins.storeDir
      ];

      # For `journalctl -x`. The unit that compiles the catalog runs only for a new /usr, which NixOS
      # never has.
      environment.etc."systemd/catalog/nspawn-creds.catalog".source = "${cfg.package}/lib/systemd/catalog/nspawn-creds.catalog";
      systemd.services.systemd-journal-catalog-update = {
        restartTriggers = [ cfg.package ];
        unitConfig.ConditionNeedsUpdate = [ "" ];
      };

      systemd.tmpfiles.packages = [ cfg.package ];
      users.users.nspawn-creds = {
        isSystemUser = true;
        group = "nspawn-creds";
        description = "Credentials broker for containers";
      };
      users.groups.nspawn-creds = { };

      # The unit names the group even if there is no TPM.
      users.groups.tss = { };
      security.tpm2.enable = lib.mkIf cfg.tpm2.enable (lib.mkDefault true);
    })
  ];
}
