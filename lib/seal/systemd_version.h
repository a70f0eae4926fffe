/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which systemd this host runs, without asking it: the program links libsystemd-shared-NNN.so,
 * whose name is in it (since 230, on every distribution). Nothing is executed, and it works in a
 * chroot. A version that was installed since the last boot counts already.
 */

#include "base/bytes.h"
#include "base/context.h"

/* The major version, such as 252, of the program IMAGE; 0 if it does not tell. Pure. */
unsigned systemd_version_of(BytesView image);

/* Of the system below the context's root; 0 if there is no systemd that tells. */
unsigned systemd_version_installed(const Context *context);
