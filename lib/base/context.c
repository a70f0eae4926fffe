/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/context.h"

#include <errno.h>
#include <sodium.h>
#include <time.h>

static uint64_t system_now(const Context *)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return timespec_to_usec(now);
}

uint64_t monotonic_usec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return timespec_to_usec(now);
}

static void system_random(const Context *, void *bytes, size_t size)
{
    randombytes_buf(bytes, size);
}

int context_system(Context *ret)
{
    if (sodium_init() < 0)
        return -EIO;
    *ret = (Context){.now = system_now, .random = system_random, .root = ""};
    return 0;
}
