/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A host's end: looks at the carrier for a new bundle, offers it to the broker, brings the files
 * that the broker lacks, and carries the broker's report back.
 *
 * The courier judges nothing. It remembers nothing either, but what it has offered since it
 * started.
 */

#include "carrier.h"
#include "fleet/fleet_config.h"

typedef struct Courier Courier;

/* The courier of CONFIG, which has a carrier and has to outlive it. SOCKET is the broker's. A
 * server may be silent for STALL seconds. OUTCOME_CARRIER_FAILED; a negative errno. */
int courier_new(const FleetConfig *config, const char *socket, long stall, Reason *reason,
                Courier **ret);
Courier *courier_free(Courier *courier);
DEFINE_CLEANUP(Courier *, courier_free);

/* One look, and what follows from it. Returns 0 if the host has what the carrier has. Otherwise the
 * next look starts over: OUTCOME_CARRIER_FAILED; OUTCOME_NOT_CARRIED if the bundle or a file is
 * not there; OUTCOME_BROKER_UNREACHABLE; the outcome with which the broker refused; a negative
 * errno.
 */
int courier_look(Courier *courier, Reason *reason);

/* Carries back the report that is left from a look, if there is one. */
int courier_report(Courier *courier, Reason *reason);

/* Prints WHAT, what R and REASON say, and what to do about it, to standard error. */
void courier_print(const char *what, int r, const Reason *reason);

/* Looks again and again, and says on standard error what changes. Only returns if it cannot reach
 * the carrier, and the service manager has other copies of the key or the password for the
 * courier's next start: OUTCOME_CARRIER_FAILED. */
int courier_run(Courier *courier, Reason *reason);
