# SPDX-License-Identifier: LGPL-2.1-or-later
# Generates docs/nixos-options.md from the options.
{ nixpkgs }:
let
  tests = import ./lib.nix { inherit nixpkgs; };
  inherit (tests) lib;
  host = (tests.evaluate { }).options;
  guest =
    (import (nixpkgs + "/nixos/lib/eval-config.nix") {
      inherit lib;
      system = null;
      modules = [
        tests.base
        ../../nixos/container.nix
      ];
    }).options;

  # Plain Markdown has no equivalent of these roles.
  clean = text: builtins.replaceStrings (map (r: "{${r}}`") roles) (map (_: "`") roles) text;
  roles = [
    "option"
    "command"
    "manpage"
    "file"
    "var"
  ];

  # A package set that is good for evaluation only may have another name for it.
  typeOf =
    o:
    let
      type = builtins.replaceStrings [ "configuration value" ] [ "JSON value" ] o.type;
      # Markdown takes some patterns for links.
      pattern = builtins.match "(.*matching the pattern )(.*)" type;
    in
    if pattern == null then type else "${builtins.head pattern}`${lib.last pattern}`";
  code = v: if v ? text then v.text else lib.generators.toPretty { } v;
  value =
    label: v:
    let
      text = lib.removeSuffix "\n" (code v);
    in
    if lib.hasInfix "\n" text then "${label}:\n\n```nix\n${text}\n```\n" else "${label}: `${text}`\n";

  entry = o: ''
    ### `${o.name}`

    ${lib.removeSuffix "\n" (clean (o.description.text or o.description))}

    Type: ${typeOf o}

    ${lib.optionalString (o ? default) (value "Default" o.default + "\n")}${
      lib.optionalString (o ? example) (value "Example" o.example)
    }'';

  section = title: words: options: prefix: keep: ''
    ## ${title}

    ${words}

    ${lib.concatMapStringsSep "\n" entry (
      builtins.filter (o: o.visible && !o.internal && keep o && !lib.hasInfix "_module.args" o.name) (
        lib.optionAttrSetToDocList (lib.setAttrByPath prefix (lib.getAttrFromPath prefix options))
      )
    )}'';
  all = _: true;
in
''
  <!-- Made by tests/nixos/run --update options; do not edit. -->
  # Options of the NixOS modules

  To get started, read [guide-nixos.md](guide-nixos.md).

  ${section "Containers" "For the host: `nixosModules.default`, `nixos/host.nix`." host [
    "virtualisation"
    "nspawn"
  ] all}
  ${section "The broker" "Also for the host. The defaults are right for most hosts." host [
    "services"
    "nspawn-creds"
  ] all}
  ${section "Inside a container"
    "For a container's `config`, and for a system that is built elsewhere: `nixosModules.container`, `nixos/container.nix`. For a `config` the host sets these, and you can read `path` and `paths`."
    guest
    [ "nspawn-creds" ]
    all
  }
  ${section "Inside a container that is built elsewhere"
    "Settings that the host cannot make for a system given by `path`."
    guest
    [ "virtualisation" "nspawn" "guest" ]
    all
  }
  ${section "Credentials for nixpkgs' own containers"
    "For the host: `nixosModules.default`, or `nixosModules.nixos-containers` for these alone. The options of each credential are as above."
    host
    [ "containers" ]
    (o: o.name == "containers.<name>.credentials")
  }''
