# SPDX-License-Identifier: LGPL-2.1-or-later
# A host with the given configuration, down to what would be built: for errors that Nix itself reports.
{ nixpkgs, config }:
((import ./lib.nix { inherit nixpkgs; }).host config).system.build.toplevel.drvPath
