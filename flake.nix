# SPDX-License-Identifier: LGPL-2.1-or-later
{
  description = "Credentials for systemd-nspawn containers, and declarative ephemeral NixOS containers";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      eachSystem = f: lib.genAttrs systems (system: f (nixpkgs.legacyPackages.${system}.extend self.overlays.default));
    in
    {
      packages = eachSystem (pkgs: {
        default = pkgs.nspawn-creds;
        inherit (pkgs) nspawn-creds;
      });

      overlays.default = import ./nixos/overlay.nix;

      nixosModules = {
        default = ./nixos/host.nix;
        host = ./nixos/host.nix;
        container = ./nixos/container.nix;
        nixos-containers = ./nixos/nixos-containers.nix;
      };

      checks = eachSystem (
        pkgs: { package = pkgs.nspawn-creds; } // import ./nixos/checks { inherit pkgs; }
      );

      devShells = eachSystem (pkgs: {
        default = pkgs.mkShell {
          inputsFrom = [ pkgs.nspawn-creds ];
          packages = [
            pkgs.shellcheck
            pkgs.swtpm
            pkgs.tpm2-tools
          ];
        };
      });

      formatter = eachSystem (pkgs: pkgs.callPackage ({ nixfmt }: nixfmt) { });
    };
}
