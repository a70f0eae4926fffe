# SPDX-License-Identifier: LGPL-2.1-or-later
# The broker on a NixOS host: its units, its user, its TPM, and policies that the program itself has
# checked while the system was built.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.services.nspawn-creds;

  # All in one, since a policy may share a credential of another's. The text of each carries the sealed
  # files of the Nix store that it names along.
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
    enable = lib.mkEnableOption "the credentials broker for containers. Containers with credentials enable it by themselves";
    package = mkOption {
      type = types.package;
      default = pkgs.nspawn-creds or (pkgs.callPackage ./package.nix { });
      defaultText = lib.literalExpression "pkgs.nspawn-creds";
      description = "The package with the programs and units.";
    };
    checkPackage = mkOption {
      type = types.package;
      default = if pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform then cfg.package else pkgs.buildPackages.callPackage ./package.nix { };
      defaultText = lib.literalExpression "config.services.nspawn-creds.package";
      internal = true;
      description = "The package that checks policies during the build.";
    };
    tpm2.enable = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the broker may use the TPM. It does no harm where there is none.";
    };
    policies = mkOption {
      type = types.attrsOf types.attrs;
      default = { };
      internal = true;
      description = "Policies by machine, as in {manpage}`nspawn-creds-policy(5)`.";
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
      # NixOS reads no [Install] sections of packages.
      systemd.sockets = lib.genAttrs [ "nspawn-creds-broker" "nspawn-creds-control" ] (_: {
        wantedBy = [ "sockets.target" ];
      });
      # The program's libraries are in the Nix store, and in no other place that the unit names.
      systemd.services.nspawn-creds-broker.serviceConfig.ExecPaths = [
        ""
        builtins.storeDir
      ];

      # For `journalctl -x`. The condition of the unit that reads it asks for a new /usr, which NixOS
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

      # The unit names the group, also where there is no TPM.
      users.groups.tss = { };
      security.tpm2.enable = lib.mkIf cfg.tpm2.enable (lib.mkDefault true);
    })
  ];
}
