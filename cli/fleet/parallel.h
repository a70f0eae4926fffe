/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The same work for many items, in child processes: one for each processor.
 *
 * A child inherits the parent's memory as it is, but not its secrets, which are empty there
 * (secret/secret.h), and writes the result of each item into memory that both share. Each takes the
 * next item that no other has taken.
 */

#include "base/outcome.h"

#include <stddef.h>

/* In a child: what .feed of the parent writes to. The descriptor .fd has another number. */
#define PARALLEL_SOCKET 4

typedef struct Parallel {
    size_t count;         /* items */
    size_t least;         /* a process is worth so many of them; at least 1 */
    size_t result_size;   /* of one item, plain memory without pointers */
    const char *progress; /* such as "hosts sealed"; NULL: none is shown */
    int *fd;              /* a descriptor that children need; in them its value is another one */
    void *userdata;
    /* In the parent, for each child: writes to SOCKET what children do not inherit. NULL if that is
     * nothing. Otherwise there always is a child, even for a single item. */
    int (*feed)(void *userdata, int socket, Reason *reason);
    /* In a child, before its first item: reads that from PARALLEL_SOCKET. */
    int (*begin)(void *userdata, Reason *reason);
    /* In a child: does the item INDEX. RET is zero before. */
    int (*each)(void *userdata, size_t index, void *ret, Reason *reason);
    /* In a child, at its end. May be NULL. */
    void (*end)(void *userdata);
} Parallel;

/* Does all items. The first failure ends it, and is what this returns; a child that was killed is
 * one, too. RESULTS has room for .count results. */
int parallel_run(const Parallel *parallel, void *results, Reason *reason);
