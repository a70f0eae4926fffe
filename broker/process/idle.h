/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * With --exit-idle= the broker exits when it has had nothing to do for a while.
 *
 * No request is lost: the service manager owns the listening sockets and starts the broker again
 * when a client connects. After the decision to exit, the broker accepts nothing, so later clients
 * wait in these sockets. It checks them first, so that they need not wait for a start.
 */

#include "process/handover.h"

#include <stdint.h>
#include <systemd/sd-event.h>

typedef struct Idle Idle;

typedef struct IdleWatch {
    sd_event *event;
    const Listeners *listeners;
    uint64_t usec; /* how long the broker must be idle */
    /* Whether the broker is busy with something for which idle_interrupt() is not called. */
    bool (*busy)(void *userdata);
    /* The broker has been idle for .usec. */
    void (*over)(void *userdata);
    void *userdata;
} IdleWatch;

/* Copies WATCH; what it points to must outlive the result. Returns 0 or a negative errno. */
int idle_new(const IdleWatch *watch, Idle **ret);
Idle *idle_free(Idle *idle); /* NULL is allowed */

/* Starts the idle time again. NULL is allowed. */
void idle_interrupt(Idle *idle);
