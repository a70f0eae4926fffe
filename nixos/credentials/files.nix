# SPDX-License-Identifier: LGPL-2.1-or-later
# Checks the files that a credential names, before evaluation copies one to the Nix store. `at` is the
# option that names the file, `delivery` the credential's.
{ lib }:
{
  machine,
  id,
  delivery,
}:
let
  # Evaluation copies a path literal to the store; a string may point into it.
  inStore = path: builtins.isPath path || lib.hasPrefix builtins.storeDir path;
  commandTo =
    target: file: "nspawn-creds seal --host=HOST.json --name=${machine}@${id} ${file} ${target}";
  command = commandTo "${id}.cred";
  # The path in a flake's repository, whose copy in the Nix store is evaluated.
  ofRepository =
    path:
    let
      inside = builtins.match "${builtins.storeDir}/[^/]+/(.+)" (toString path);
    in
    if inside == null then toString path else builtins.head inside;
  keyTypeOf = import ./sealed.nix;

  # The sandbox of the broker's unit hides these.
  hidden = [
    "/home/"
    "/root/"
    "/run/user/"
    "/tmp/"
    "/var/tmp/"
  ];
  visible = at: value: {
    assertion = delivery == "native" || !lib.any (folder: lib.hasPrefix folder value) hidden;
    message = ''
      ${at}: the broker cannot see "${value}": it has no access to /home, /root, /run/user, /tmp and /var/tmp.
      Use another directory.
    '';
  };
in
{
  inherit command;

  # The key type of a sealed file that is there, null for any other.
  keyType =
    value: if builtins.isPath value && builtins.pathExists value then keyTypeOf value else null;

  file = at: value: [
    {
      assertion = !inStore value;
      message = ''
        ${at}: ${toString value} would be in the Nix store in plaintext, where every user of the host
        can read it. Seal the secret (${command "FILE"})
        and set sealed = ./${id}.cred. For a file that another program puts on the
        host, write its path as a string: "/run/…".
      '';
    }
    {
      assertion = inStore value || lib.hasPrefix "/" value;
      message = ''${at}: "${toString value}" is not an absolute path. Write "/run/…".'';
    }
    (visible at (if builtins.isPath value then "" else value))
  ];

  sealed =
    at: value:
    if builtins.isPath value then
      [
        {
          assertion = builtins.pathExists value;
          message = ''
            ${at}: ${ofRepository value} does not exist. A flake sees it after git add.
            To seal the credential: ${commandTo (ofRepository value) "-"}
          '';
        }
        {
          assertion = !builtins.pathExists value || keyTypeOf value != null;
          message = ''
            ${at}: ${toString value} is not a sealed credential, but would be copied to the Nix store.
            If it is the secret itself, seal it: ${command "FILE"},
            and set sealed = ./${id}.cred.
          '';
        }
      ]
    else
      [
        {
          assertion = lib.hasPrefix "/" value;
          message = ''
            ${at}: "${value}" is not an absolute path. For a file beside the configuration,
            set sealed = ./${id}.cred, without quotation marks.
          '';
        }
        (visible at value)
      ];
}
