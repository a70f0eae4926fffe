# SPDX-License-Identifier: LGPL-2.1-or-later
final: _: {
  nspawn-creds = (final.callPackage ./package.nix { }).overrideAttrs {
    passthru.tests = import ./checks { pkgs = final; };
  };
}
