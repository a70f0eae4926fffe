/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The worker does all of the broker's work, in one thread on sd-event.
 *
 * It first adopts the connections of an earlier worker (process/handover.h), then accepts new ones.
 * It ends in one of two ways (Drain). Before a stop it answers what it has accepted, and refuses
 * what takes longer than the configuration allows. Before a restart it answers what can be answered
 * at once; the service manager keeps the rest for the next broker (process/handover.h). It restarts
 * by itself for a new host key, when no connection is moving: only the next broker gets that from
 * the service manager. It also ends, with --exit-idle=, when it has been idle.
 *
 * Connections that it does not accept wait in the service manager's listening socket.
 */

#include "process/config.h"
#include "process/supervisor.h"

/* Runs the worker; SIGTERM and SIGINT must be blocked. With DRAIN_AT_ONCE it accepts nothing.
 * Returns WORKER_DONE or WORKER_LEFT; a negative errno if it cannot go on. The process must
 * exit then: connections may be open, and little has been cleaned up. */
int worker_run(const ServerConfig *config, const Listeners *listeners, Drain drain_at_once);
