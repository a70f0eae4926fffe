# SPDX-License-Identifier: LGPL-2.1-or-later
# A fleet's repository that is part of the host's configuration: its files are built into the system. How they
# are found: fleet-directory.nix.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.services.nspawn-creds;
  directory = import ./fleet-directory.nix { inherit config lib; };
  containers = config.containers // config.virtualisation.nspawn.containers or { };
  used = lib.any (
    machine:
    lib.any (id: containers.${machine}.credentials.${id}.sealed == directory.file machine id) (
      builtins.attrNames (containers.${machine}.credentials or { })
    )
  ) (builtins.attrNames containers);
  isFleet = builtins.pathExists (directory.root + "/fleet.json");
  some =
    names:
    lib.concatStringsSep ", " (lib.take 10 names ++ lib.optional (builtins.length names > 10) "…");
in
{
  options.services.nspawn-creds = {
    fleetDirectory = mkOption {
      type = types.nullOr types.path;
      default = null;
      example = lib.literalExpression "./fleet";
      description = ''
        The repository of a fleet, as {command}`nspawn-creds fleet init` makes it, in this flake or in an input.
        Each credential of a container that names no other source is then sealed in it: in
        `sealed/HOST/CONTAINER@ID.cred`, which {command}`nspawn-creds fleet seal` makes. Only this host's files get
        into its system.
      '';
    };
    fleetHost = mkOption {
      type = types.strMatching "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
      default = config.networking.hostName;
      defaultText = lib.literalExpression "config.networking.hostName";
      example = "web1";
      description = "Name of this host in its fleets, and in {option}`services.nspawn-creds.fleetDirectory`.";
    };
  };

  config.assertions = lib.optionals (directory.used && used) [
    {
      assertion = isFleet;
      message = ''
        services.nspawn-creds.fleetDirectory: ${toString directory.root} has no fleet.json, and is no fleet's
        repository. To make one there: nspawn-creds fleet init FLEET. A flake sees its files after git add.
      '';
    }
    {
      assertion = !isFleet || directory.hasHost;
      message = ''
        services.nspawn-creds.fleetHost: nothing is sealed for a host "${cfg.fleetHost}" in
        ${toString directory.root}/sealed. ${
          if directory.hosts == [ ] then "It is empty." else "It has: ${some directory.hosts}."
        } If the host has another name in the fleet, set
        fleetHost. To add it: nspawn-creds fleet add host ${cfg.fleetHost} IDENTITY, nspawn-creds fleet seal, git add sealed
      '';
    }
  ];
}
