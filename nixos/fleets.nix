# SPDX-License-Identifier: LGPL-2.1-or-later
# The fleets of a NixOS host: the files in /etc/nspawn-creds/fleet, and a courier for each fleet that has a
# carrier. What the host accepts is beside the store, and must survive a reboot.
{
  config,
  lib,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.services.nspawn-creds;
  here = "services.nspawn-creds.fleets";
  folder = "${dirOf cfg.store}/fleet";

  elsewhere = cfg.store != "/var/lib/nspawn-creds/store";

  # The mounts, as far as the configuration says. `from` is the directory that a bind mount shows, as
  # impermanence makes them.
  mounts =
    map (m: {
      at = m.mountPoint;
      type = m.fsType;
      from = if builtins.elem "bind" m.options then m.device else null;
    }) (builtins.attrValues config.fileSystems)
    ++ map (m: {
      at = m.where;
      inherit (m) type;
      from = if builtins.elem "bind" (lib.splitString "," (m.options or "")) then m.what else null;
    }) config.systemd.mounts;
  # The file system that a path is in. Bind mounts are followed, but not in circles.
  holding =
    depth: path:
    let
      candidates = builtins.filter (m: m.at == "/" || lib.hasPrefix "${m.at}/" "${path}/") mounts;
      deepest =
        lib.foldl' (a: b: if builtins.stringLength b.at >= builtins.stringLength a.at then b else a)
          {
            at = "";
            type = null;
            from = null;
          }
          candidates;
    in
    if deepest.from == null || depth == 0 then
      deepest
    else
      holding (depth - 1) (deepest.from + lib.removePrefix deepest.at path);
  where = holding 8 folder;

  described = type: description: check: types.addCheck type check // { inherit description; };
  # As the programs read it.
  duration = described types.str "length of time, such as \"30d\"" (
    text:
    builtins.match "([0-9]+ *(s|sec|seconds?|m|min|minutes?|h|hours?|d|days?|w|weeks?) *)+" text != null
  );
  # A path that evaluation would copy to the Nix store is refused.
  secretFile = described types.str "absolute path outside the Nix store, as a string" (
    path: lib.hasPrefix "/" path && !lib.hasPrefix builtins.storeDir path
  );
  place = "https://[^/?@]+(/[^?]*)?/|dir:/.*";

  optional =
    type: example: description:
    mkOption {
      type = types.nullOr type;
      default = null;
      inherit example description;
    };
  carrier.options = {
    url = mkOption {
      type =
        described types.str "\"https://HOST/PATH/\", \"dir:/PATH\" or \"etcd:\""
          (url: url == "etcd:" || builtins.match place url != null);
      example = "https://creds.example.org/prod/";
      description = "Where the files are: on a web server, in a directory, or in an etcd.";
    };
    endpoints = mkOption {
      type = types.listOf (
        described types.str "URL with https" (url: builtins.match "https://[^/?@]+(/[^?]*)?" url != null)
      );
      default = [ ];
      example = [ "https://etcd1.example.org:2379" ];
      description = "URLs of the etcd, at most 8. If one does not answer, the courier asks the next one.";
    };
    ca =
      optional types.path (lib.literalExpression "./ca.pem")
        "File of certificates with which servers are checked. Null means those of the system.";
    certificate =
      optional types.path (lib.literalExpression "./web1.pem")
        "File with the client's certificate, which needs {option}`key`.";
    key =
      optional secretFile "/run/secrets/prod.key"
        "File with the certificate's private key. Only root needs to read it.";
    user =
      optional types.str "web1"
        "User at the web server or etcd, who needs {option}`passwordFile`.";
    passwordFile =
      optional secretFile "/run/secrets/prod.password"
        "File whose first line is the password. Only root needs to read it.";
    interval =
      optional duration "10s"
        "How often the courier looks, from 1s to 24h. Null means once a minute.";
    reports =
      optional (described types.str "\"https://HOST/PATH/\" or \"dir:/PATH\"" (
        url: builtins.match place url != null
      )) "https://creds.example.org/reports/"
        "Where the host's reports go. Null means to the directory or etcd itself; a web server gets none.";
  };
  # The options of a carrier that are set.
  carrierOf = f: lib.filterAttrs (_: value: value != null && value != [ ]) f.carrier;
  # The unit has those with their usual names.
  secretsOf =
    name: f:
    builtins.filter
      (path: path != null && !(lib.hasPrefix "/etc/nspawn-creds/fleet/${name}." path))
      [
        f.carrier.key
        f.carrier.passwordFile
      ];

  fleet = {
    options = {
      host = mkOption {
        type = types.strMatching "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
        default = cfg.fleetHost;
        defaultText = lib.literalExpression "config.services.nspawn-creds.fleetHost";
        description = "Name of this host in the fleet.";
      };
      signers = mkOption {
        type = types.nonEmptyListOf types.str;
        example = [ "alice ssh-ed25519 AAAAC3Nz…" ];
        description = ''
          Who may sign for the fleet: lines of a file of allowed signers, see {manpage}`ssh-keygen(1)`.
          They belong into the configuration of the host, and not into the fleet's repository.
        '';
      };
      threshold = mkOption {
        type = types.ints.between 1 16;
        default = 1;
        example = 2;
        description = "How many of the signers have to sign.";
      };
      maxAge = mkOption {
        type = types.nullOr duration;
        default = null;
        example = "30d";
        description = ''
          How old the accepted statement should get. {command}`nspawn-creds doctor` and the metrics report
          an older one; it is still used.
        '';
      };
      carrier = mkOption {
        type = types.nullOr (types.submodule carrier);
        default = null;
        example = {
          url = "https://creds.example.org/prod/";
        };
        description = ''
          Where the courier fetches what was signed, see {manpage}`nspawn-creds-courier(8)`. Without it no
          courier runs, and something else has to bring it.
        '';
      };
    };
  };

  file =
    f:
    builtins.toJSON (
      {
        inherit (f) host threshold;
      }
      // lib.optionalAttrs (f.maxAge != null) { inherit (f) maxAge; }
      // lib.optionalAttrs (f.carrier != null) { carrier = carrierOf f; }
    );
  signersOf =
    f:
    builtins.filter (line: builtins.match "[[:space:]]*(#.*)?" line == null) (
      lib.concatMap (lib.splitString "\n") f.signers
    );
  # The broker and the courier would refuse these when they read the files.
  check =
    name: f:
    let
      at = "${here}.${name}";
      count = builtins.length (signersOf f);
      has = member: carrierOf f ? ${member};
      isEtcd = f.carrier.url == "etcd:";
    in
    [
      {
        assertion = f.threshold <= count;
        message = ''
          ${at}.threshold: ${toString f.threshold} signers have to sign, but ${at}.signers has ${toString count}. The
          host would never accept anything. Add signers, or set a lower threshold.
        '';
      }
    ]
    ++ map (line: {
      assertion = builtins.match "(sk-)?(ssh|ecdsa)-.*" line == null;
      message = ''
        ${at}.signers: "${line}" begins with the type of the key. Write whose key it is before it:
        "alice ${line}"
      '';
    }) (signersOf f)
    ++ lib.optionals (f.carrier != null) [
      {
        assertion = has "certificate" == has "key";
        message = "${at}.carrier: certificate and key need each other. Set both, or neither.";
      }
      {
        assertion = has "user" == has "passwordFile";
        message = "${at}.carrier: user and passwordFile need each other. Set both, or neither.";
      }
      {
        assertion = isEtcd == has "endpoints";
        message = ''
          ${at}.carrier.endpoints: an etcd needs the URLs of its servers, and nothing else has them. Set
          url = "etcd:" and endpoints = [ "https://…" ], or remove endpoints.
        '';
      }
      {
        assertion = !(isEtcd && has "reports");
        message = "${at}.carrier.reports: an etcd takes the reports itself. Remove reports.";
      }
    ];

  carried = lib.filterAttrs (_: f: f.carrier != null) cfg.fleets;
in
{
  imports = [ ./fleet-repository.nix ];

  options.services.nspawn-creds.fleets = mkOption {
    type = types.attrsOf (types.submodule fleet);
    default = { };
    example = lib.literalExpression ''
      {
        prod = {
          threshold = 2;
          signers = [
            "alice ssh-ed25519 AAAAC3Nz…"
            "bob sk-ssh-ed25519@openssh.com AAAAGnNr…"
          ];
          carrier.url = "https://creds.example.org/prod/";
        };
      }
    '';
    description = ''
      Fleets that this host belongs to: it accepts what their signers signed for it. Containers take
      credentials from them with {option}`credentials.<id>.fleet`.
    '';
  };

  config = lib.mkIf (cfg.fleets != { }) {
    services.nspawn-creds.enable = true;
    assertions = [
      {
        assertion = where.type != "tmpfs" && where.type != "ramfs";
        message = ''
          ${here}: ${folder} is on the ${toString where.type} that is mounted at ${where.at}, and is gone
          after a reboot. Containers would then not start until the carrier can be reached, and an old
          statement could be accepted again. Keep ${dirOf cfg.store} on a disk.
        '';
      }
    ]
    ++ lib.mapAttrsToList (name: _: {
      assertion = builtins.match "[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?" name != null;
      message = ''${here}: "${name}" is not the name of a fleet. Use a-z, 0-9 and "-", at most 32 characters, with a letter or digit at both ends.'';
    }) cfg.fleets
    ++ lib.concatLists (lib.mapAttrsToList check cfg.fleets);

    environment.etc = lib.concatMapAttrs (name: f: {
      "nspawn-creds/fleet/${name}.json".text = file f;
      "nspawn-creds/fleet/${name}.signers".text = lib.concatMapStrings (line: "${line}\n") f.signers;
    }) cfg.fleets;

    systemd.sockets.nspawn-creds-courier.wantedBy = [ "sockets.target" ];
    # Restarts services with what a fleet has changed.
    systemd.paths.nspawn-creds-apply = {
      overrideStrategy = "asDropin";
      wantedBy = [ "multi-user.target" ];
      pathConfig = lib.mkIf elsewhere {
        PathExists = [
          ""
          "${folder}/.changed"
        ];
      };
    };
    systemd.services = {
      nspawn-creds-apply = {
        overrideStrategy = "asDropin";
        serviceConfig = lib.mkIf elsewhere {
          ReadWritePaths = [
            ""
            "-${folder}"
          ];
        };
      };
    }
    // lib.mapAttrs' (
      name: f:
      lib.nameValuePair "nspawn-creds-courier@${name}" {
        overrideStrategy = "asDropin";
        wantedBy = [ "multi-user.target" ];
        restartTriggers = [ (file f) ];
        serviceConfig = {
          # All of the program's libraries are in the Nix store, as the broker's are.
          ExecPaths = [
            ""
            builtins.storeDir
          ];
          LoadCredential = lib.mkIf (secretsOf name f != [ ]) (
            map (path: "${baseNameOf path}:${path}") (secretsOf name f)
          );
        };
      }
    ) carried;
  };
}
