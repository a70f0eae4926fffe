/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The lock of a directory. Writers take it; readers need none. It uses flock(2), so that the kernel
 * releases it when its holder dies, however that happens.
 */

#include "base/outcome.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether FD is the directory that PARENT holds as NAME now. */
bool directory_is_at(int parent, const char *name, int fd);

/* Opens the directory NAME in PARENT, following no link, and takes its lock. Closing RET_FD
 * releases it. If another process replaces the directory while we wait, we lock the new one.
 * OUTCOME_TIMEOUT after USEC. */
int directory_lock_at(int parent, const char *name, uint64_t usec, Reason *reason, int *ret_fd);
