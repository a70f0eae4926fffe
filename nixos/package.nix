# SPDX-License-Identifier: LGPL-2.1-or-later
# The C project. The unit tests run in checkPhase; host tests need root and Debian.
{
  lib,
  stdenv,
  cmake,
  ninja,
  pkg-config,
  scdoc,
  cmocka,
  swtpm,
  json_c,
  libbsd,
  libsodium,
  openssl,
  systemd,
  tpm2-tss,
}:
stdenv.mkDerivation {
  pname = "nspawn-creds";
  # Written in one place: the project() line of CMakeLists.txt.
  version = builtins.head (
    builtins.match ".*project\\(nspawn-creds VERSION ([0-9.]+) .*" (builtins.readFile ../CMakeLists.txt)
  );

  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../CMakeLists.txt
      ../CMakePresets.json
      ../broker
      ../cli
      ../cmake
      ../completions
      ../docs
      ../generator
      ../lib
      ../tests
      ../units
      ../wrapper
    ];
  };

  nativeBuildInputs = [
    cmake
    ninja
    pkg-config
    scdoc
  ];
  buildInputs = [
    json_c
    libbsd
    libsodium
    openssl
    systemd
    tpm2-tss
  ];
  nativeCheckInputs = [ swtpm ];
  checkInputs = [ cmocka ];

  cmakeFlags = [
    (lib.cmakeBool "NC_HARDENING" true)
    (lib.cmakeBool "BUILD_TESTING" true)
  ];

  doCheck = stdenv.buildPlatform.canExecute stdenv.hostPlatform;
  preCheck = "patchShebangs ../tests";

  # On NixOS the modules replace the installed drop-in and generator.
  postInstall = ''
    rm -rf "$out/lib/systemd/system/systemd-nspawn@.service.d" "$out/lib/systemd/system-generators" \
      "$out/lib/systemd/system-preset"
  '';

  meta = {
    description = "Credential and secrets broker for systemd-nspawn containers";
    license = lib.licenses.lgpl21Plus;
    platforms = lib.platforms.linux;
    mainProgram = "nspawn-creds";
  };
}
