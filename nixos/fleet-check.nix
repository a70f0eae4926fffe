# SPDX-License-Identifier: LGPL-2.1-or-later
# A flake's check of its fleet: `nspawn-creds fleet check`, which needs no key. With signers, the lines
# of a file of allowed signers, it checks signatures as well. signed = false is for a fleet that nobody signs,
# because its files come with the hosts' configuration alone.
#
# A build that has succeeded is not repeated: whether the statement expires soon, only a CI job knows that runs
# `nspawn-creds fleet check` itself.
{
  pkgs,
  repository,
  signers ? [ ],
  threshold ? 1,
  signed ? true,
}:
let
  inherit (pkgs) lib;
  package = pkgs.nspawn-creds or (pkgs.callPackage ./package.nix { });
  fleet = (lib.importJSON (repository + "/fleet.json")).fleet;
  # The statuses of nspawn-creds(1): unsigned, and about to expire.
  tolerated = [
    0
    12
  ]
  ++ lib.optional (!signed) 11;
in
assert lib.assertMsg (
  signed || signers == [ ]
) "fleetCheck: signers are given, but signed = false does not check what they signed";
pkgs.runCommand "fleet-${fleet}"
  {
    preferLocalBuild = true;
    # Neither is an argument of a shell command.
    settings = builtins.toJSON { inherit threshold; };
    signers = lib.concatMapStrings (line: "${line}\n") signers;
  }
  ''
    export HOME=$PWD
    unset XDG_CONFIG_HOME
    mkdir -p .config/nspawn-creds/fleet
    if [ -n "$signers" ]; then
      printf '%s' "$settings" >.config/nspawn-creds/fleet/${fleet}.json
      printf '%s' "$signers" >.config/nspawn-creds/fleet/${fleet}.signers
    fi
    rc=0
    ${package}/bin/nspawn-creds fleet check --repository=${repository} || rc=$?
    case $rc in
      ${lib.concatMapStringsSep "|" toString tolerated}) touch "$out" ;;
      *) exit $rc ;;
    esac
  ''
