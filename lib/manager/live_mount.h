/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Where live delivery meets a container: the machine's folder, in which the broker makes its socket
 * (broker/server/live.h, which the nspawn wrapper does not link), and its place inside.
 *
 * Nothing of the container's own is looked at, for it may be anything.
 */

#include "base/outcome.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#define LIVE_MOUNT_FOLDER "/run/nspawn-creds/machines"
#define LIVE_MOUNT_SOCKET "/socket"
#define LIVE_MOUNT_INSIDE "/run/host/nspawn-creds"

/* Of a machine's .nspawn file (systemd.nspawn(5)). With --settings=override, as in systemd's unit,
 * the mounts in it are all that count, and there is no way round it. */
typedef enum LiveMountSettings {
    LIVE_MOUNT_NOT_SAID,  /* it has no mounts, or there is none */
    LIVE_MOUNT_BOUND,     /* it binds the place */
    LIVE_MOUNT_DISPLACED, /* it has other mounts only */
} LiveMountSettings;

/* RET_FILE is the file, if it has mounts. */
LiveMountSettings live_mount_settings(const char *machine, char ret_file[PATH_MAX]);

/* Whether MACHINE, of which LEADER is the first process, has the folder in its place. A negative
 * errno if this user may not see it. */
int live_mount_is_bound(pid_t leader, const char *machine, bool *ret);

/* Whether there is somebody behind MACHINE's socket, who notices nothing of it. 0; -ENOENT without
 * a socket, -ECONNREFUSED if it is a dead one's, and other negative errnos. */
int live_mount_look(const char *machine);
