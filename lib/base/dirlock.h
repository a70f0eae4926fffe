/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The lock of a directory, which those take who change what is in it; who reads needs none. It is
 * flock(2)'s, so that the kernel lets go of it when its holder dies, however that happens.
 */

#include "base/outcome.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether the directory FD is what PARENT has under NAME now. */
bool directory_is_at(int parent, const char *name, int fd);

/* Opens the directory NAME in PARENT, no link, and takes its lock; closing RET_FD lets go. It is
 * the directory that is there when the lock is got, also if another one was put in its place while
 * we waited. OUTCOME_TIMEOUT after USEC. */
int directory_lock_at(int parent, const char *name, uint64_t usec, Reason *reason, int *ret_fd);
