{
  description = "A host with one container and one sealed secret";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    # Where you have this template from.
    nspawn-creds.url = "git+https://git.example.org/nspawn-creds";
    nspawn-creds.inputs.nixpkgs.follows = "nixpkgs";
  };

  outputs =
    { nixpkgs, nspawn-creds, ... }:
    {
      nixosConfigurations.server = nixpkgs.lib.nixosSystem {
        modules = [
          nspawn-creds.nixosModules.default
          ./configuration.nix
          ./server.nix
        ];
      };
    };
}
