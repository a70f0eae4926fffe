/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Finds out the version of systemd from the file system: the service manager links
 * libsystemd-shared-NNN.so (since 230), which every distribution has in a directory near it.
 * Nothing is executed, and this works in a chroot. A version that was installed since the last boot
 * counts.
 */

#include "base/context.h"

/* Returns the version of the system below the context's root, the newest if a package manager has
 * left an old library; 0 if none is found. */
unsigned systemd_version_installed(const Context *context);
