/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Work on many files in several processes, each with a connection of its own: a server that is far
 * away takes most of its time to answer.
 */

#include "base/outcome.h"

#include <stddef.h>

/* Does the work for every STEPth item, from FIRST, and may print. */
typedef int PartWork(const void *userdata, size_t first, size_t step, Reason *reason);

/* Has WORK done for COUNT items: in this process if they are few. The outcome is the first part's
 * that failed. All that the parts have printed follows each other. */
int parts_run(PartWork *work, const void *userdata, size_t count, Reason *reason);
