# SPDX-License-Identifier: LGPL-2.1-or-later
# The key type of a sealed file, or null for one that does not start like a sealed credential, so that a
# plaintext one is refused before evaluation copies it to the Nix store. The rest is checked in the build,
# by `nspawn-creds check`.
let
  # The ids of systemd's credential kinds (docs/FORMAT.md) in base64, without their last bits, which
  # share a character with the next field. The null kind is missing because it protects nothing.
  kinds = {
    "Whxqht+dQJax1aZeCGLxm" = "host";
    "VbntHThZTUOoMZ0uuzMqx" = "host-scoped";
    "DHzAexF2RZGcSwvqCLwg/" = "tpm2";
    "+vfrk0HjQSyhpDb5Wik2L" = "tpm2-with-public-key";
    "k6iUCUh0RJCQyvL8k8q1U" = "host+tpm2";
    "70rBNnmpSA6n22iJf58WX" = "host+tpm2-scoped";
    "r0lQqEkTTrGnOEYwT/MMB" = "host+tpm2-with-public-key";
    "rbxMo++2QgG6iBtvLkCV6" = "host+tpm2-with-public-key-scoped";
    # pinned, which is no other key type
    "1AYt+3GtTIaAS0DvEYDx/" = "tpm2";
    "Xi1cdgNyTq+EPG+19kCY9" = "tpm2-with-public-key";
    "FBQliBiiQM2QC86GLbXHu" = "host+tpm2";
    "Kh+HekJ1Qxqz+e0fXY9mA" = "host+tpm2-scoped";
    "r7/qrOtqSjeVQZ0TXEfze" = "host+tpm2-with-public-key";
    "FuSSlJ+UQAKGdY+Ut8Urx" = "host+tpm2-with-public-key-scoped";
  };
in
path:
let
  text = builtins.readFile path;
in
if builtins.match "[A-Za-z0-9+/=\n]*" text == null then
  null
else
  kinds.${builtins.substring 0 21 text} or null
