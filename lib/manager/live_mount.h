/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The live mount: the directory on the host in which the broker creates a machine's live socket
 * (broker/live/live.h), and its mount in the container.
 *
 * The nspawn wrapper links this, so it must not need D-Bus. Nothing inside the container is looked
 * at, because root in the container controls it.
 */

#include "base/outcome.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#define LIVE_MOUNT_FOLDER "/run/nspawn-creds/machines"
#define LIVE_MOUNT_SOCKET "/socket"
#define LIVE_MOUNT_INSIDE "/run/host/nspawn-creds"

/* The mounts in a machine's .nspawn file (systemd.nspawn(5)). With --settings=override, as in
 * systemd's unit, they replace those on the command line. */
typedef enum LiveMountSettings {
    LIVE_MOUNT_NOT_SAID,  /* the file has no mounts, or does not exist */
    LIVE_MOUNT_BOUND,     /* the live mount */
    LIVE_MOUNT_DISPLACED, /* other mounts only */
} LiveMountSettings;

/* The path of the machine's .nspawn file. Returns whether there is one. */
bool live_mount_file(const char *machine, char ret[PATH_MAX]);

/* RET_FILE is the file's path, if it has mounts. */
LiveMountSettings live_mount_settings(const char *machine, char ret_file[PATH_MAX]);

/* Whether MACHINE, whose first process is LEADER, has the live mount. Returns a negative errno if
 * the calling user may not read LEADER's mounts. */
int live_mount_is_bound(pid_t leader, const char *machine, bool *ret);

/* Checks, without connecting, that a process listens on MACHINE's live socket. Returns 0, -ENOENT
 * if there is no socket, -ECONNREFUSED if nobody listens, or another negative errno. */
int live_mount_check(const char *machine);
