/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The worker: one thread on sd-event that does all the work.
 *
 * It first takes up what an earlier worker left open (server/handover.h), then accepts. On SIGTERM,
 * or when its supervisor has died, it stops accepting, finishes what is in flight, refuses what
 * takes longer than the configuration allows, and ends. It also ends, when it has nothing in
 * flight, if the host key that it was started with is of no use: the next activation brings a fresh
 * one; and, where that is asked for, when it has had nothing to do for a while (server/idle.h).
 *
 * Connections that it does not accept wait in the listening socket, which is the service manager's.
 */

#include "process/config.h"
#include "process/handover.h"

/* Runs until the end; SIGTERM and SIGINT must be blocked. With DRAIN it accepts nothing. 0 if every
 * connection has had its answer. A negative errno if it cannot go on: connections are left open
 * then, and nothing is cleaned up, so that the process has to end. */
int worker_run(const ServerConfig *config, const Listeners *listeners, bool drain);
