# SPDX-License-Identifier: LGPL-2.1-or-later
# The guides, and the page of all options, which a test keeps up to date.
{ lib, runCommand }:
runCommand "nspawn-creds-docs" { } ''
  mkdir -p "$out/share/doc"
  cp -r ${
    lib.fileset.toSource {
      root = ../docs;
      fileset = lib.fileset.fileFilter (file: file.hasExt "md") ../docs;
    }
  } "$out/share/doc/nspawn-creds"
''
