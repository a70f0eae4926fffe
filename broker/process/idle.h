/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The end of a broker that has had nothing to do for a while, where that is asked for.
 *
 * Nothing is lost by it: the listening sockets are the service manager's, which starts the broker
 * again for what comes. What came in while it was being decided waits in them, for nothing is
 * accepted after that; it is looked for before, to spare it the start.
 */

#include "process/handover.h"

#include <stdint.h>
#include <systemd/sd-event.h>

typedef struct Idle Idle;

typedef struct IdleWatch {
    sd_event *event;
    const Listeners *listeners;
    uint64_t usec; /* how long nothing must have been done */
    /* Whether something keeps the broker that idle_interrupt() is not called for. */
    bool (*kept)(void *userdata);
    /* The time is over. */
    void (*over)(void *userdata);
    void *userdata;
} IdleWatch;

/* WATCH is copied, what it points to must outlive it. A negative errno. */
int idle_new(const IdleWatch *watch, Idle **ret);
Idle *idle_free(Idle *idle); /* NULL is allowed */

/* Something was done just now. NULL is allowed. */
void idle_interrupt(Idle *idle);
