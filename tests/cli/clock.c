/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Gives the command line a wrong clock for its tests: $TEST_CLOCK is how many seconds it is ahead.
 */

#include <stdlib.h>
#include <time.h>

int __real_clock_gettime(clockid_t id, struct timespec *ret);
int __wrap_clock_gettime(clockid_t id, struct timespec *ret);

int __wrap_clock_gettime(clockid_t id, struct timespec *ret)
{
    const char *ahead = getenv("TEST_CLOCK");
    int r = __real_clock_gettime(id, ret);

    if (r == 0 && ahead && id == CLOCK_REALTIME)
        ret->tv_sec += atol(ahead);
    return r;
}
