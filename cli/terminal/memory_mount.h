/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A file system in memory for secrets.
 *
 * It has no path (fsmount(2)): the caller writes to it through a descriptor, and mounts it where a
 * program of its own sees it, in a mount namespace of that program. When the last process that uses
 * it has ended, however that happened, it is gone. The kernel never writes it to swap.
 */

#include "base/outcome.h"

#include <stdbool.h>

/* Has others than root create one: from now on this process is in a user namespace of its own, with
 * the same user. Does nothing as root. -EPERM where that is forbidden. */
int memory_mount_prepare(Reason *reason);

/* Creates one whose root has mode 0700. SIZE is the most that it can hold, as tmpfs(5) takes it;
 * before Linux 6.4 this needs a system without swap: -EOPNOTSUPP. Without a SIZE (NULL) it is as
 * large as what is written to it, so nobody else may write there. -EPERM for others than root. */
int memory_mount_new(const char *size, Reason *reason, int *ret_fd);

/* Whether this system has swap; true if that cannot be determined. */
bool memory_has_swap(void);
