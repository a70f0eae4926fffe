# SPDX-License-Identifier: LGPL-2.1-or-later
# A fleet's repository that is part of the host's configuration: services.nspawn-creds.fleetDirectory. Its
# files are found by the names of host, container and credential. Nothing here knows whether a file opens
# on this host; `nspawn-creds fleet check` and the host do.
{ config, lib }:
let
  cfg = config.services.nspawn-creds;

  # As a path, because what is copied to the Nix store should be single files and not the repository.
  root =
    if builtins.isPath cfg.fleetDirectory then
      cfg.fleetDirectory
    else
      /. + builtins.unsafeDiscardStringContext (toString cfg.fleetDirectory);
  hosts =
    if builtins.pathExists (root + "/sealed") then
      builtins.attrNames (
        lib.filterAttrs (_: type: type == "directory") (builtins.readDir (root + "/sealed"))
      )
    else
      [ ];
  sealed = root + "/sealed/${cfg.fleetHost}";
  manifest = sealed + "/manifest.json";
  digests =
    if builtins.pathExists manifest then
      lib.listToAttrs (
        map (c: lib.nameValuePair c.name c.sha256) (lib.importJSON manifest).credentials
      )
    else
      { };
  used = cfg.fleetDirectory != null;
  file = machine: id: sealed + "/${machine}@${id}.cred";
in
{
  inherit used root hosts sealed;
  host = cfg.fleetHost;
  # Those that sign for this host, which is something else.
  fleets = builtins.attrNames cfg.fleets;
  hasHost = builtins.elem cfg.fleetHost hosts;

  # The sealed file of a container's credential, which need not exist.
  inherit file;
  has = machine: id: builtins.pathExists (file machine id);
  # Whether it is the file that `fleet seal` has written down.
  isCurrent =
    machine: id:
    builtins.hashFile "sha256" (file machine id) == digests."${machine}@${id}" or null;
  # A module for the credentials of a container: those without another source are in the repository.
  source =
    machine:
    { config, name, ... }:
    {
      config.sealed =
        lib.mkIf (used && (import ./credentials/sources.nix { inherit lib; }).given (config // { sealed = null; }) == [ ])
          (lib.mkDefault (file machine name));
    };
  # The ids that the host has for a container.
  idsOf =
    machine:
    map (lib.removePrefix "${machine}@") (
      builtins.filter (lib.hasPrefix "${machine}@") (builtins.attrNames digests)
    );
}
