/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The worker does all of the broker's work, in one thread on sd-event.
 *
 * It first adopts the connections of an earlier worker (process/handover.h), then accepts new ones.
 * On SIGTERM, or when its supervisor has died, it stops accepting, answers what it has accepted,
 * refuses what takes longer than the configuration allows, and exits. It also exits while it has no
 * connections if the host key has changed since its start, because the service manager passes the
 * new one to the next broker; and, with --exit-idle=, when it has been idle (process/idle.h).
 *
 * Connections that it does not accept wait in the service manager's listening socket.
 */

#include "process/config.h"
#include "process/handover.h"

/* Runs the worker; SIGTERM and SIGINT must be blocked. With DRAIN it accepts nothing. Returns 0 if
 * every connection has been answered, a negative errno if it cannot go on. After an error the
 * process must exit: connections are left open for the next worker, and nothing is cleaned up. */
int worker_run(const ServerConfig *config, const Listeners *listeners, bool drain);
