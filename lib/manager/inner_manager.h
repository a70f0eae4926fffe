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

typedef struct InnerManager InnerManager;

/* MACHINE's. OUTCOME_NOT_FOUND if it does not run; a negative errno if its D-Bus cannot be reached.
 */
int inner_manager_new(const char *machine, Reason *reason, InnerManager **ret);
InnerManager *inner_manager_free(InnerManager *manager); /* NULL is allowed */
DEFINE_CLEANUP(InnerManager *, inner_manager_free);

/* The version of its systemd, such as 257; 0 if it does not say. */
unsigned inner_manager_version(const InnerManager *manager);

#define INNER_MANAGER_STATE_BYTES 32

/* What a unit does. */
typedef struct InnerManagerUnit {
    char active[INNER_MANAGER_STATE_BYTES]; /* ActiveState: "active", "failed" and so on */
    char result[INNER_MANAGER_STATE_BYTES]; /* of a service: "success", "exit-code"; else "" */
    uint8_t invocation[16];                 /* another one each time that it is started */
    bool refreshes; /* a reload fetches its credentials anew (systemd 260) */
} InnerManagerUnit;

/* A unit that is not loaded is "inactive". A negative errno. */
int inner_manager_read(InnerManager *manager, const char *unit, Reason *reason,
                       InnerManagerUnit *ret);

/* Whether it is up, or on its way. */
bool inner_manager_unit_runs(const InnerManagerUnit *unit);

/* Has a job done for UNIT, METHOD being "TryRestartUnit" and the like, and waits for its end.
 * WAITING is called every LIMIT_JOB_WORDS_SECONDS with how many have passed. OUTCOME_TIMEOUT after
 * LIMIT_JOB_SECONDS; OUTCOME_INTERRUPTED if the job comes to another end than "done", or STOPPED
 * (NULL: never) says so; a negative errno. */
typedef struct InnerManagerJob {
    const char *unit;
    const char *method;
    void (*waiting)(void *userdata, unsigned seconds);
    bool (*stopped)(void);
    void *userdata;
} InnerManagerJob;

int inner_manager_run(InnerManager *manager, const InnerManagerJob *job, Reason *reason);

/* Has it forget that UNIT failed, and how often it was started: so that it can be started again. */
void inner_manager_reset(InnerManager *manager, const char *unit);
