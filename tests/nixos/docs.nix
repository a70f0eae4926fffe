# SPDX-License-Identifier: LGPL-2.1-or-later
# Evaluates the examples that extract-docs has put into FOLDER. Those of a page are one host, down to
# what would be built.
{ nixpkgs, folder }:
let
  tests = import ./lib.nix { inherit nixpkgs; };
  inherit (tests) lib;

  examples = lib.importJSON (folder + "/list.json");
  content = example: import (folder + "/${example.file}");
  given = example: (if example.kind == "value" then setting else content) example;
  module = example: lib.setDefaultModuleLocation example.where (given example);

  # What examples take for granted: agenix, sops-nix and impermanence, which are not in nixpkgs, and a
  # host that uses networkd.
  secrets =
    name: path:
    lib.mkOption {
      default = { };
      type = lib.types.attrsOf (
        lib.types.submodule (
          { name, ... }:
          {
            options = {
              path = lib.mkOption { default = "${path}/${name}"; };
              file = lib.mkOption { };
              group = lib.mkOption { };
              mode = lib.mkOption { };
              restartUnits = lib.mkOption { };
            };
          }
        )
      );
    };
  host = modules: {
    imports = modules;
    options.age.secrets = secrets "age" "/run/agenix";
    options.sops.secrets = secrets "sops" "/run/secrets";
    options.environment.persistence = lib.mkOption {
      default = { };
      type = with lib.types; attrsOf anything;
    };
    config.networking.useNetworkd = lib.mkDefault true;
  };

  systemWith =
    modules:
    import (nixpkgs + "/nixos/lib/eval-config.nix") {
      inherit lib;
      system = null;
      modules = [ tests.base ] ++ modules;
    };
  hostOf = examples: tests.evaluate (host (map module examples));

  flake =
    example:
    ((content example).outputs {
      nixpkgs.lib.nixosSystem = { modules, ... }: systemWith (modules ++ [ (host [ ]) ]);
      nspawn-creds = (import ../../flake.nix).outputs {
        self = null;
        nixpkgs = { inherit lib; };
      };
    }).nixosConfigurations;

  # Forces what the example sets, which may be in a part of the configuration that nobody reads.
  force =
    pkgs: given: merged:
    if lib.isFunction given then
      force pkgs (given {
        inherit lib pkgs;
        config = merged;
      }) merged
    else if builtins.isAttrs given && builtins.isAttrs merged then
      lib.concatMap (name: force pkgs given.${name} merged.${name}) (
        builtins.filter (name: merged ? ${name}) (builtins.attrNames given)
      )
    else if builtins.isList merged then
      lib.concatMap (v: builtins.seq v [ ]) merged
    else
      builtins.seq merged [ ];

  # Warnings are for the reader of the example, too.
  verdict =
    where: examples:
    { config, pkgs, ... }:
    let
      words = tests.failed config ++ config.warnings;
    in
    if words != [ ] then
      map (words: "${where}: ${words}") words
    else
      builtins.seq config.system.build.toplevel.drvPath (
        lib.concatMap (example: force pkgs (given example) config) examples
      );

  # --- values of options -----------------------------------------------------------

  empty = tests.evaluate (host [ ]);
  guest = (systemWith [ ../../nixos/container.nix ]).options;
  # The option at a path such as [ "containers" "<name>" "credentials" ].
  optionAt =
    tree: path:
    if path == [ ] && lib.isOption tree then
      tree
    else if lib.isOption tree then
      optionAt (tree.type.getSubOptions [ ]) (lib.remove "<name>" (lib.remove "*" path))
    else if tree ? "" then
      # attrTag has another level, with the name of the prefix, which is empty here
      optionAt tree."" path
    else
      optionAt tree.${builtins.head path} (builtins.tail path);
  optionOf =
    example:
    let
      path = lib.splitString "." example.option;
    in
    optionAt (if builtins.head path == "nspawn-creds" then guest else empty.options) path;

  valueOf =
    example:
    { config, pkgs, ... }:
    content example {
      inherit config lib pkgs;
      inputs = { };
    };
  # A value that is a module is checked as part of a host.
  isModule = example: builtins.match "(.* )?module" (optionOf example).type.description != null;
  setting =
    example:
    { config, pkgs, ... }:
    lib.mkMerge [
      { virtualisation.nspawn.containers.web.config = { }; }
      (lib.setAttrByPath (lib.splitString "." (
        lib.replaceStrings [ "<name>" ] [ "web" ] example.option
      )) (valueOf example { inherit config pkgs; }))
    ];
  value =
    example:
    let
      option = optionOf example;
      given = valueOf example empty;
      definition = {
        file = example.where;
        value = given;
      };
    in
    force empty.pkgs given (lib.mergeDefinitions option.loc option.type [ definition ]).mergedValue;

  # --- settings in the text ----------------------------------------------------------

  inner = option: removeAttrs (option.type.getSubOptions [ ]) [ "_module" ];
  # Whether the options in TREE take these settings. The names in an attrsOf are free.
  takes =
    tree: given:
    if !lib.isOption tree then
      builtins.isAttrs given
      && lib.all (name: name == "imports" || tree ? ${name} && takes tree.${name} given.${name}) (
        builtins.attrNames given
      )
    else if inner tree == { } || !builtins.isAttrs given then
      tree.type.check given
    else
      lib.all (takes (inner tree)) (
        if tree.type.name == "attrsOf" then builtins.attrValues given else [ given ]
      );
  container = inner empty.options.virtualisation.nspawn.containers;
  places = [
    empty.options
    container
    (inner container.credentials)
    (inner empty.options.sops.secrets)
  ];
  text =
    example:
    lib.optional (
      !lib.any (place: takes place (valueOf example empty)) places
    ) "${example.where}: no place has such an option, or its type is another one";

  # --- all of them -----------------------------------------------------------------

  # By kind, for those that are not part of a page's host.
  single = {
    inherit text value;
    flake =
      example: lib.concatLists (lib.mapAttrsToList (_: verdict example.where [ ]) (flake example));
    guest =
      example:
      verdict example.where [ example ] (systemWith [
        ../../nixos/container.nix
        (module example)
      ]);
  };
  isSingle = e: single ? ${e.kind} && !(e.kind == "value" && isModule e);
  parts = lib.partition isSingle examples;
in
{
  checked = builtins.length examples;
  bad =
    lib.concatMap (e: single.${e.kind} e) parts.right
    ++ lib.concatLists (
      lib.mapAttrsToList (page: examples: verdict page examples (hostOf examples)) (
        builtins.groupBy (e: e.page) parts.wrong
      )
    );
}
