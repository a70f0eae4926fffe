/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which systemd this host has, without asking it: the service manager links
 * libsystemd-shared-NNN.so, which is in a directory beside it on every distribution (since 230).
 * Nothing is executed, and it works in a chroot. A version that was installed since the last boot
 * counts already.
 */

#include "base/context.h"

/* The version in a library's name, such as 252 in "libsystemd-shared-252.so"; 0 if it is another
 * file. Pure. */
unsigned systemd_version_of(const char *file);

/* Of the system below the context's root, the newest where a package manager has left an old
 * library; 0 if there is no systemd that tells. */
unsigned systemd_version_installed(const Context *context);
