/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Exit when idle. See idle.h.
 *
 * The timer checks when the broker was last interrupted, so that a request costs no system call.
 */

#include "process/idle.h"

#include "base/context.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

struct Idle {
    IdleWatch watch;
    sd_event_source *timer;
    uint64_t since; /* CLOCK_MONOTONIC, µs */
};

void idle_interrupt(Idle *idle)
{
    if (idle)
        idle->since = monotonic_usec();
}

/* Whether a connection waits to be accepted, or poll() failed. */
static bool has_waiting(const Listeners *listeners)
{
    struct pollfd waiting[LISTENERS_MAX];

    for (size_t i = 0; i < listeners->count; i++)
        waiting[i] = (struct pollfd){.fd = listeners->fds[i], .events = POLLIN};
    return poll(waiting, listeners->count, 0) != 0;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
    Idle *idle = userdata;
    const IdleWatch *watch = &idle->watch;
    int r;

    (void)usec;
    if (watch->busy(watch->userdata) || has_waiting(watch->listeners))
        idle_interrupt(idle);
    if (monotonic_usec() - idle->since >= watch->usec) {
        watch->over(watch->userdata);
        return 0;
    }
    r = sd_event_source_set_time(source, idle->since + watch->usec);
    return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int idle_new(const IdleWatch *watch, Idle **ret)
{
    Idle *idle = calloc(1, sizeof(*idle));
    int r;

    if (!idle)
        return -ENOMEM;
    *idle = (Idle){.watch = *watch};
    idle_interrupt(idle);
    r = sd_event_add_time(watch->event, &idle->timer, CLOCK_MONOTONIC, idle->since + watch->usec, 0,
                          on_time, idle);
    if (r < 0) {
        free(idle);
        return r;
    }
    *ret = idle;
    return 0;
}

Idle *idle_free(Idle *idle)
{
    if (idle)
        sd_event_source_disable_unref(idle->timer);
    free(idle);
    return NULL;
}
