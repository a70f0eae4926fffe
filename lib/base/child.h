/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A process that does one piece of work for its parent, and shares nothing with it.
 *
 * It is forked plainly: it has a descriptor table and memory of its own, in which the parent's
 * secrets are empty (secret/secret.h). Before anything else it closes every descriptor except
 * standard error and those that are passed to it, so that it keeps no connection of the parent's
 * open. It dies with its parent.
 */

#include "base/outcome.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    CHILD_SELF = 1, /* this is the child */
};

/* The first passed descriptor in the child; the others follow it. */
#define CHILD_FIRST_FD 3

/* How many can be passed. */
#define CHILD_FDS_MAX  256

/* Forks. In the child it returns CHILD_SELF, and the COUNT descriptors FDS are CHILD_FIRST_FD and
 * up. In the parent it returns 0, with a pidfd of the child, or a negative errno if there is no
 * child. RET_PROCESS is -1 if there is no descriptor left for that. The parent must ignore SIGCHLD
 * (SIG_IGN), or wait for the child. */
int child_fork(const int *fds, size_t count, int *ret_process);

/* Closes FDS, up to CHILD_FDS_MAX, which somebody passed, or sockets with unread messages, which
 * can have such in them. The last close() of some lasts as long as their sender wants, such as that
 * of a TCP socket with SO_LINGER. Only a process that exits does not wait for that, so a child is
 * the last that has them. */
void child_close(const int *fds, size_t count);

/* Kills the child behind PROCESS, if it still runs; -1 is allowed. */
void child_kill(int process);
