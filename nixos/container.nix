# SPDX-License-Identifier: LGPL-2.1-or-later
# The module for the inside of a container. The host module adds it to every `config`; a system that
# is built elsewhere, for `path`, imports it itself.
{
  imports = [
    ./container/options.nix
    ./container/system.nix
    ./container/network.nix
    ./container/nix-daemon.nix
    ./credentials/guest.nix
  ];
}
