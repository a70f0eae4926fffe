# SPDX-License-Identifier: LGPL-2.1-or-later
# What CONTRIBUTING.md and docs/TESTING.md name. Tests with hosts need Debian. The checks of format and
# clang-tidy want version 14, which nixpkgs may no longer have, and are skipped with another.
{
  mkShell,
  clang,
  clang-tools,
  gcovr,
  groff,
  jq,
  mandoc,
  nixfmt-tree,
  nspawn-creds,
  shellcheck,
  tpm2-tools,
}:
mkShell {
  inputsFrom = [ nspawn-creds ];
  packages = [
    clang
    clang-tools
    gcovr
    groff
    jq
    mandoc
    nixfmt-tree
    shellcheck
    tpm2-tools
  ];
  # The compiler warns of fortification where it does not optimise, and in the preset "dev" warnings are errors.
  hardeningDisable = [ "fortify" ];
}
