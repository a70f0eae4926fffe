# SPDX-License-Identifier: LGPL-2.1-or-later
# What lets modules meet a tree that is older than they are and incomplete. It is
# handed to every evaluation, nested ones too, by NIXOS_EXTRA_MODULE_PATH.
{ lib, modulesPath, ... }:
let
  has =
    file: word:
    builtins.pathExists (modulesPath + file)
    && lib.hasInfix word (builtins.readFile (modulesPath + file));
  missing =
    file: word: option:
    lib.optionalAttrs (!(has file word)) option;
  ignored = lib.mkOption {
    type = lib.types.bool;
    default = true;
    internal = true;
    description = "Accepted and ignored: this tree has no such option.";
  };
  tools = "/installer/tools/tools.nix";
in
{
  # Options that newer modules set, declared only where the tree's own file does
  # not mention them.
  options.boot = missing "/tasks/filesystems.nix" "the filesystem mount" {
    specialFileSystems = lib.mkOption {
      type =
        with lib.types;
        attrsOf (submodule {
          options.enable = lib.mkEnableOption "the filesystem mount" // {
            default = true;
          };
        });
      apply = lib.filterAttrs (_: fs: fs.enable);
    };
  };
  options.system = lib.foldl' lib.recursiveUpdate { } [
    (missing tools "enableNg" { rebuild.enableNg = ignored; })
    (missing tools "system.tools" { tools.nixos-option.enable = ignored; })
  ];

  # The manual's sources are not in the tree. (1400: below mkDefault, above an
  # option's own default.)
  config.documentation.nixos.enable = lib.mkIf (
    !builtins.pathExists (modulesPath + "/../doc/manual")
  ) (lib.mkOverride 1400 false);
}
