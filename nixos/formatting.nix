# SPDX-License-Identifier: LGPL-2.1-or-later
# A check: all Nix files are as `nix fmt` leaves them.
{
  lib,
  runCommand,
  nixfmt,
}:
runCommand "nspawn-creds-formatting" { nativeBuildInputs = [ nixfmt ]; } ''
  find ${
    lib.fileset.toSource {
      root = ../.;
      fileset = lib.fileset.unions [
        ../flake.nix
        ../nixos
        ../tests/nixos
      ];
    }
  } -name '*.nix' -exec nixfmt --check {} +
  touch "$out"
''
