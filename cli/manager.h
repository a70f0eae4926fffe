/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The service manager of a running container: what its units do, and jobs for them.
 *
 * It is reached over the container's own D-Bus, as by "systemctl --machine=". What it says is
 * believed about its own units and about nothing else; it can keep us waiting, but not for ever.
 */

#include "base/cleanup.h"
#include "base/outcome.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct Manager Manager;

/* MACHINE's. OUTCOME_NOT_FOUND if it does not run; a negative errno if its D-Bus cannot be reached.
 */
int manager_new(const char *machine, Reason *reason, Manager **ret);
Manager *manager_free(Manager *manager); /* NULL is allowed */
DEFINE_CLEANUP(Manager *, manager_free);

/* The version of its systemd, such as 257; 0 if it does not say. */
unsigned manager_version(const Manager *manager);

#define MANAGER_STATE_BYTES 32

/* What a unit does. */
typedef struct ManagerUnit {
    char active[MANAGER_STATE_BYTES]; /* ActiveState: "active", "failed" and so on */
    char result[MANAGER_STATE_BYTES]; /* of a service: "success", "exit-code"; else "" */
    uint8_t invocation[16];           /* another one each time that it is started */
    bool refreshes;                   /* a reload fetches its credentials anew (systemd 260) */
} ManagerUnit;

/* A unit that is not loaded is "inactive". A negative errno. */
int manager_look(Manager *manager, const char *unit, Reason *reason, ManagerUnit *ret);

/* Whether it is up, or on its way. */
bool manager_unit_runs(const ManagerUnit *unit);

/* Has a job done for UNIT, METHOD being "TryRestartUnit" and the like, and waits for its end.
 * WAITING is called every LIMIT_JOB_WORDS_SECONDS with how many have passed. OUTCOME_TIMEOUT after
 * LIMIT_JOB_SECONDS; OUTCOME_INTERRUPTED if the job comes to another end than "done", or STOPPED
 * (NULL: never) says so; a negative errno. */
typedef struct ManagerJob {
    const char *unit;
    const char *method;
    void (*waiting)(void *userdata, unsigned seconds);
    bool (*stopped)(void);
    void *userdata;
} ManagerJob;

int manager_run(Manager *manager, const ManagerJob *job, Reason *reason);

/* Has it forget that UNIT failed, and how often it was started: so that it can be started again. */
void manager_reset(Manager *manager, const char *unit);
