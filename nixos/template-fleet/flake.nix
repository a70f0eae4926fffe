{
  description = "Hosts whose containers' secrets are in a fleet's repository";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    # Where you have this template from.
    nspawn-creds.url = "git+https://git.example.org/nspawn-creds";
    nspawn-creds.inputs.nixpkgs.follows = "nixpkgs";
    # Leave out the one that you do not use, and its output below.
    colmena.url = "github:zhaofengli/colmena";
    deploy-rs.url = "github:serokell/deploy-rs";
  };

  outputs =
    {
      self,
      nixpkgs,
      nspawn-creds,
      colmena,
      deploy-rs,
      ...
    }:
    let
      system = "x86_64-linux";
      # Each host is a directory of its name in hosts/, and has the same name in fleet/.
      hosts = builtins.attrNames (builtins.readDir ./hosts);
      modulesOf = name: [
        nspawn-creds.nixosModules.default
        {
          networking.hostName = name;
          services.nspawn-creds.fleetDirectory = ./fleet;
        }
        ./web.nix
        (./hosts + "/${name}/configuration.nix")
      ];
    in
    {
      # nixos-rebuild switch --flake .#web1 --target-host root@web1
      nixosConfigurations = nixpkgs.lib.genAttrs hosts (
        name: nixpkgs.lib.nixosSystem { modules = modulesOf name; }
      );

      # colmena apply
      colmenaHive = colmena.lib.makeHive (
        {
          meta.nixpkgs = nixpkgs.legacyPackages.${system};
        }
        // nixpkgs.lib.genAttrs hosts (name: {
          imports = modulesOf name;
          deployment.targetHost = name;
        })
      );

      # deploy .
      deploy.nodes = nixpkgs.lib.genAttrs hosts (name: {
        hostname = name;
        profiles.system = {
          user = "root";
          path = deploy-rs.lib.${system}.activate.nixos self.nixosConfigurations.${name};
        };
      });

      # nix flake check: whether everything is sealed. It needs no key.
      checks.${system}.fleet = nspawn-creds.lib.fleetCheck {
        pkgs = nixpkgs.legacyPackages.${system};
        repository = ./fleet;
        signed = false;
      };
    };
}
