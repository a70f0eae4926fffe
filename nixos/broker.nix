# SPDX-License-Identifier: LGPL-2.1-or-later
# The broker on a NixOS host: its units, its user, its TPM, and the policies. The program itself checks
# the policies when the system is built.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.services.nspawn-creds;

  # What all programs read, see nspawn-creds.conf(5).
  configuration = pkgs.writeText "nspawn-creds.conf" ''
    [Store]
    Path=${cfg.store}
    History=${toString cfg.history}

    [TPM]
    Device=${cfg.tpm2.device}

    [Rollback]
    OnRollback=${cfg.onRollback}
    Counter=${cfg.rollbackCounter}
  '';

  # The unit's sandbox is for the defaults. What differs, nspawn-creds-generator writes on other
  # systems; an empty string begins a list anew.
  sandbox =
    lib.optionalAttrs (cfg.store != "/var/lib/nspawn-creds/store") {
      ReadWritePaths = [
        ""
        "-${cfg.store}"
        "-${fleets}"
        "-${rollback}"
        "-/run/nspawn-creds/machines"
      ];
      NoExecPaths = [
        "-${cfg.store}"
        "-${fleets}"
        "-${rollback}"
      ];
    }
    // lib.optionalAttrs (cfg.tpm2.device != "/dev/tpmrm0") {
      DeviceAllow = [ "" ] ++ lib.optional isDevice "${cfg.tpm2.device} rw";
      BindPaths = lib.optional isDevice "-${cfg.tpm2.device}";
    };
  # The sets of fleets are beside the store.
  fleets = "${dirOf cfg.store}/fleet";
  # And what tells an older disk from the last one.
  rollback = "${dirOf cfg.store}/rollback";
  isDevice = lib.hasPrefix "/" cfg.tpm2.device;

  # With a line for each credential, so that the line in a message of the check is one credential.
  textOf =
    policy:
    let
      inherit (builtins) toJSON;
      lines = lib.mapAttrsToList (id: c: "  ${toJSON id}: ${toJSON c}") policy.credentials;
    in
    if builtins.attrNames policy == [ "credentials" ] && builtins.isAttrs policy.credentials then
      "{\"credentials\": {\n${lib.concatStringsSep ",\n" lines}\n}}\n"
    else
      toJSON policy;

  # All policies are checked together, because one may share a credential of another. Their text keeps
  # the sealed files in the Nix store alive. Nobody has written the files that a message names, and nobody
  # can see them: the line follows.
  checked = pkgs.runCommand "nspawn-creds-policies" { preferLocalBuild = true; } ''
    mkdir "$out"
    cd "$out"
    ${lib.concatStrings (
      lib.mapAttrsToList (machine: policy: ''
        cp ${pkgs.writeText "${machine}.json" (textOf policy)} ${machine}.json
      '') cfg.policies
    )}
    if ! faults=$(${cfg.checkPackage}/bin/nspawn-creds check *.json); then
      while IFS= read -r fault; do
        printf '%s\n' "$fault"
        IFS=: read -r file line _ <<<"$fault"
        [ ! -f "$file" ] || sed -n "$line{s/^ */    /;p}" "$file"
      done <<<"$faults"
      exit 1
    fi
    printf '%s\n' "$faults"
  '';

  # Of policies that are written here. Those of NixOS containers come from options that check this.
  containers = config.containers // config.virtualisation.nspawn.containers or { };
  optionOf =
    machine:
    "${
      lib.optionalString (!config.containers ? ${machine}) "virtualisation.nspawn."
    }containers.${lib.strings.escapeNixIdentifier machine}";
  policyAssertions =
    machine: policy:
    let
      credentials = policy.credentials or { };
      # Of either kind: that they have one name is another mistake.
      ofContainer = lib.concatMap (kind: builtins.attrNames kind.${machine}.credentials or { }) [
        config.containers
        (config.virtualisation.nspawn.containers or { })
      ];
      policyOf = "services.nspawn-creds.policies.${lib.strings.escapeNixIdentifier machine}";
    in
    lib.concatLists (
      lib.mapAttrsToList (
        id: credential:
        let
          here = "${policyOf}.credentials.${lib.strings.escapeNixIdentifier id}";
          files = import ./credentials/files.nix { inherit lib; } {
            inherit machine id;
            delivery = credential.delivery or "boot";
          };
          check =
            source:
            lib.optionals (lib.isStringLike credential.${source} or null) (
              files.${source} "${here}.${source}" credential.${source}
            );
        in
        [
          {
            assertion = !containers ? ${machine};
            message = ''
              ${here}: "${machine}" is a container of this configuration. Move it to ${optionOf machine}.credentials,
              so that the container asks for it.
            '';
          }
        ]
        ++ check "file"
        ++ check "sealed"
      ) (lib.optionalAttrs (builtins.isAttrs credentials) (removeAttrs credentials ofContainer))
    );

  # The sealed files beside the configuration, each with the credentials that have it.
  sealedFiles = builtins.groupBy (use: toString use.path) (
    lib.concatLists (
      lib.mapAttrsToList (
        machine: container:
        lib.concatLists (
          lib.mapAttrsToList (
            id: c:
            map (s: {
              name = "${machine}@${id}";
              at = "${optionOf machine}.credentials.${lib.strings.escapeNixIdentifier id}.${s.option}";
              path = s.value;
            }) (builtins.filter (s: s.tag == "sealed" && builtins.isPath s.value) (sources.given c))
          ) container.credentials or { }
        )
      ) containers
    )
  );
  sources = import ./credentials/sources.nix { inherit lib; };
  fileAssertions = lib.mapAttrsToList (
    path: uses:
    let
      first = builtins.head uses;
      second = lib.last uses;
    in
    {
      assertion = builtins.length uses == 1;
      message = ''
        ${second.at}: ${path} is also the file of ${first.name}, and a file is sealed for
        one credential alone. Seal the secret for ${second.name} in another file, or set share = "${first.name}".
      '';
    }
  ) sealedFiles;
in
{
  options.services.nspawn-creds = {
    enable = lib.mkEnableOption "the credentials broker for containers. It is enabled automatically if a container has credentials";
    package = mkOption {
      type = types.package;
      default = pkgs.nspawn-creds or (pkgs.callPackage ./package.nix { });
      defaultText = lib.literalExpression "pkgs.nspawn-creds";
      description = "Package with the programs and units.";
    };
    checkPackage = mkOption {
      type = types.package;
      default =
        if pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform then
          cfg.package
        else
          pkgs.buildPackages.callPackage ./package.nix { };
      defaultText = lib.literalExpression "config.services.nspawn-creds.package";
      internal = true;
      description = "Package that checks policies during the build.";
    };
    store = mkOption {
      type = types.strMatching "(/[^/ :\"']+)+";
      default = "/var/lib/nspawn-creds/store";
      example = "/persist/nspawn-creds/store";
      description = ''
        The directory of the sealed credentials that are kept on this host. Beside it, the directory `fleet` has the sets
        that were accepted from fleets, and `rollback` the state of rollback protection.
      '';
    };
    history = mkOption {
      type = types.ints.between 0 9;
      default = 3;
      description = "How many earlier values of each credential in the store are kept, for `nspawn-creds rotate --back`.";
    };
    onRollback = mkOption {
      type = types.enum [
        "deliver"
        "refuse"
      ];
      default = "deliver";
      description = "What the broker does when it notices that the store or a fleet's set is not the last one. `nspawn-creds setup --rollback-protection` turns that on, see {manpage}`nspawn-creds(1)`.";
    };
    rollbackCounter = mkOption {
      type = types.strMatching "0x01[89abAB][0-9a-fA-F]{5}";
      default = "0x01804e43";
      example = "0x01800001";
      description = "The NV index of the TPM's counter for rollback protection, from 0x01800000 to 0x01bfffff. Set another one if another program uses that index. To change it later, turn protection off first.";
    };
    tpm2.device = mkOption {
      type = types.str;
      default = "/dev/tpmrm0";
      example = "/dev/tpmrm1";
      description = "The TPM, as `Device=` in {manpage}`nspawn-creds.conf(5)`: a device, or a transport such as `swtpm:path=/run/swtpm/tpm`.";
    };
    tpm2.enable = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the broker may use the TPM. Without a TPM this has no effect.";
    };
    metrics.enable = lib.mkEnableOption "metrics for the textfile collector of Prometheus' node exporter, once a minute";
    metrics.directory = mkOption {
      type = types.strMatching "(/[^/]+)+";
      default = "/var/lib/prometheus-node-exporter";
      description = ''
        The directory of the textfile collector. Name it to the exporter as well:
        `services.prometheus.exporters.node.extraFlags = [ "--collector.textfile.directory=…" ]`.
      '';
    };
    policies = mkOption {
      type = types.attrsOf (pkgs.formats.json { }).type;
      default = { };
      example.debian.credentials.token = {
        store = true;
        delivery = "live";
        services = [ "app.service" ];
      };
      description = ''
        Policies by machine, see {manpage}`nspawn-creds-policy(5)`. Those of NixOS containers are set from
        their `credentials`; this is for other machines, in `/var/lib/machines`. Their units,
        `systemd-nspawn@MACHINE.service`, then ask for the credentials. A switch does not restart these machines.
      '';
    };
  };

  config = lib.mkMerge [
    { assertions = fileAssertions; }

    (lib.mkIf (cfg.policies != { }) {
      environment.etc = lib.mapAttrs' (
        machine: _:
        lib.nameValuePair "nspawn-creds/${machine}.json" { source = "${checked}/${machine}.json"; }
      ) cfg.policies;
      environment.systemPackages = [ cfg.package ];
      assertions = lib.concatLists (lib.mapAttrsToList policyAssertions cfg.policies);
    })

    (lib.mkIf (cfg.enable && cfg.metrics.enable) {
      systemd.timers.nspawn-creds-metrics.wantedBy = [ "timers.target" ];
      systemd.services.nspawn-creds-metrics.serviceConfig = {
        ExecStart = [
          ""
          "${cfg.package}/bin/nspawn-creds status --metrics-file=${cfg.metrics.directory}/nspawn-creds.prom"
        ];
        ReadWritePaths = [ cfg.metrics.directory ];
      };
      systemd.tmpfiles.settings."10-nspawn-creds-metrics".${cfg.metrics.directory}.d = { };
    })

    (lib.mkIf cfg.enable {
      environment.systemPackages = [ cfg.package ];

      systemd.packages = [ cfg.package ];
      # NixOS ignores the [Install] sections of packages.
      systemd.sockets = lib.genAttrs [ "nspawn-creds-broker" "nspawn-creds-control" ] (_: {
        wantedBy = [ "sockets.target" ];
      });
      # All of the program's libraries are in the Nix store.
      systemd.services.nspawn-creds-broker.serviceConfig = sandbox // {
        ExecPaths = [
          ""
          builtins.storeDir
        ];
      };
      systemd.services.nspawn-creds-broker.restartTriggers = [ configuration ];
      environment.etc."nspawn-creds/nspawn-creds.conf".source = configuration;
      systemd.tmpfiles.settings = lib.mkIf (cfg.store != "/var/lib/nspawn-creds/store") {
        "10-nspawn-creds-store" = lib.genAttrs [ cfg.store fleets rollback ] (_: {
          d = {
            mode = "0770";
            user = "root";
            group = "nspawn-creds";
          };
        });
      };

      # For `journalctl -x`. On NixOS systemd looks for catalogs in its own package and in /usr/local/lib,
      # and the unit that compiles them runs only for a new /usr, which NixOS never has.
      systemd.services.systemd-journal-catalog-update = {
        serviceConfig.BindReadOnlyPaths = [
          "${cfg.package}/lib/systemd/catalog:/usr/local/lib/systemd/catalog"
        ];
        unitConfig.ConditionNeedsUpdate = [ "" ];
      };

      systemd.tmpfiles.packages = [ cfg.package ];
      users.users.nspawn-creds = {
        isSystemUser = true;
        group = "nspawn-creds";
        description = "Credentials broker for containers";
      };
      users.groups.nspawn-creds = { };
      # The socket that a fleet's courier uses belongs to this one.
      users.users.nspawn-creds-courier = {
        isSystemUser = true;
        group = "nspawn-creds-courier";
        description = "Courier of fleets of containers' hosts";
      };
      users.groups.nspawn-creds-courier = { };

      # The unit names the group even if there is no TPM.
      users.groups.tss = { };
      security.tpm2.enable = lib.mkIf cfg.tpm2.enable (lib.mkDefault true);
    })
  ];
}
