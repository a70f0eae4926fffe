/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The live mount: the machine's directory on the host, in which the broker makes its live socket
 * (broker/live/live.h), and where the container has it mounted.
 *
 * The nspawn wrapper links this, and nothing of D-Bus. Nothing inside the container is looked at,
 * because it may be anything.
 */

#include "base/outcome.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#define LIVE_MOUNT_FOLDER "/run/nspawn-creds/machines"
#define LIVE_MOUNT_SOCKET "/socket"
#define LIVE_MOUNT_INSIDE "/run/host/nspawn-creds"

/* What a machine's .nspawn file (systemd.nspawn(5)) says. With --settings=override, as in systemd's
 * unit, the mounts in it replace those on the command line. */
typedef enum LiveMountSettings {
    LIVE_MOUNT_NOT_SAID,  /* it has no mounts, or does not exist */
    LIVE_MOUNT_BOUND,     /* it has the live mount */
    LIVE_MOUNT_DISPLACED, /* it has other mounts only */
} LiveMountSettings;

/* RET_FILE is the file, if it has mounts. */
LiveMountSettings live_mount_settings(const char *machine, char ret_file[PATH_MAX]);

/* Whether MACHINE, whose first process is LEADER, has the live mount. A negative errno if this user
 * may not see it. */
int live_mount_is_bound(pid_t leader, const char *machine, bool *ret);

/* Whether somebody listens on MACHINE's live socket, without a connection that they would notice.
 * 0; -ENOENT without a socket; -ECONNREFUSED if nobody listens; other negative errnos. */
int live_mount_look(const char *machine);
