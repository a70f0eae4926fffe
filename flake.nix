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
      eachSystem =
        f: lib.genAttrs systems (system: f (nixpkgs.legacyPackages.${system}.extend self.overlays.default));
    in
    {
      packages = eachSystem (pkgs: {
        default = pkgs.nspawn-creds;
        inherit (pkgs) nspawn-creds;
        docs = pkgs.callPackage ./nixos/docs.nix { };
      });

      overlays.default = import ./nixos/overlay.nix;

      nixosModules = {
        default = ./nixos/host.nix;
        host = ./nixos/host.nix;
        container = ./nixos/container.nix;
        guest = ./nixos/credentials/guest.nix;
        nixos-containers = ./nixos/nixos-containers.nix;
      };

      # A check for the flake of a fleet's hosts, see nixos/fleet-check.nix.
      lib.fleetCheck =
        { pkgs, ... }@args: import ./nixos/fleet-check.nix (args // { pkgs = pkgs.extend self.overlays.default; });

      templates.fleet = {
        path = ./nixos/template-fleet;
        description = "Hosts whose containers' secrets are in a fleet's repository";
        welcomeText = "README.md says what to fill in, and how to seal the secrets.";
      };

      templates.default = {
        path = ./nixos/template;
        description = "A host with one container and one sealed secret";
        welcomeText = "README.md says what to fill in, and how to seal the secret.";
      };

      checks = eachSystem (
        pkgs:
        {
          package = pkgs.nspawn-creds;
          formatting = pkgs.callPackage ./nixos/formatting.nix { };
        }
        // import ./nixos/checks { inherit pkgs; }
      );

      devShells = eachSystem (pkgs: {
        default = pkgs.callPackage ./nixos/shell.nix { };
      });

      formatter = eachSystem (pkgs: pkgs.callPackage ({ nixfmt-tree }: nixfmt-tree) { });
    };
}
