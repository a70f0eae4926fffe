# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The hosts and container images that run what the NixOS modules render: Debian with what
# NixOS has besides, networkd's name resolution. After common, packages, roots and hosts.bash.

root_variant=nixos-
root_packages+=(systemd-resolved libnss-resolve libnss-mymachines iputils-ping busybox-static nftables attr jq)
image_packages=(systemd-resolved libnss-resolve iputils-ping)
