# SPDX-License-Identifier: LGPL-2.1-or-later
# The C project. Unit tests that are not slow run in checkPhase; host tests need root and Debian.
{
  lib,
  stdenv,
  cmake,
  ninja,
  pkg-config,
  scdoc,
  age,
  bashInteractive,
  cmocka,
  fish,
  openssh,
  python3,
  swtpm,
  util-linux,
  zsh,
  curl,
  json_c,
  libbsd,
  libsodium,
  openssl,
  systemdLibs,
  tpm2-tss,
}:
let
  doCheck = stdenv.buildPlatform.canExecute stdenv.hostPlatform;
in
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
      ../apply
      ../broker
      ../cli
      ../cmake
      ../completions
      ../contrib
      ../courier
      ../docs
      ../generator
      ../lib
      ../tests
      ../units
      ../wrapper
    ];
  };

  strictDeps = true;
  nativeBuildInputs = [
    cmake
    ninja
    pkg-config
    scdoc
  ];
  buildInputs = [
    curl
    json_c
    libbsd
    libsodium
    openssl
    systemdLibs
    tpm2-tss
  ];
  # The shells and script(1) are for the completions; bash for builds cannot complete.
  nativeCheckInputs = [
    age
    bashInteractive
    fish
    openssh
    python3
    swtpm
    util-linux
    zsh
  ];
  checkInputs = [ cmocka ];

  # As in the preset "release", which is what the tests run with.
  cmakeBuildType = "RelWithDebInfo";
  cmakeFlags = [
    (lib.cmakeBool "NC_HARDENING" true)
    (lib.cmakeBool "BUILD_TESTING" doCheck)
  ];

  inherit doCheck;
  preCheck = "patchShebangs --build ../tests";
  # As in Debian's package: what takes minutes runs in the project's own test suite.
  checkPhase = ''
    runHook preCheck
    ctest --output-on-failure --parallel "$NIX_BUILD_CORES" --label-exclude slow
    runHook postCheck
  '';
  # ctest says which tests it skipped, but not why.
  postCheck = "bash ../tests/lib/skipped .";

  # On NixOS the modules replace the installed drop-in and generator.
  postInstall = ''
    rm -rf "$out/lib/systemd/system/systemd-nspawn@.service.d" "$out/lib/systemd/system-generators" \
      "$out/lib/systemd/system-preset"
  '';

  # RELEASING.md says what a nixpkgs fills in.
  meta = {
    description = "Credential and secrets broker for systemd-nspawn containers";
    license = lib.licenses.lgpl21Plus;
    maintainers = [ ];
    platforms = lib.platforms.linux;
    mainProgram = "nspawn-creds";
  };
}
