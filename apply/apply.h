/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Restarts the services whose credentials a fleet has changed.
 *
 *     the broker's list of changes ──► those that root's policies take from this fleet, and that
 * are not dealt with yet ──► restart_list_new() ──► restart_list_apply() ──► what became of it, for
 *     the broker's report
 *
 * The broker is not trusted: of its list only names and digests are used. Which fleets there are is
 * root's configuration, which units are restarted is root's policies, and how often is limited. A
 * unit beyond that limit counts as one that has failed until its next job. Neither are containers:
 * each has a limited time, and one that does not answer keeps none of the others from its new
 * value.
 */

#include "apply_state.h"
#include "audit/journal.h"

typedef struct ApplyOptions {
    const Context *context;
    const char *store; /* the host's, absolute */
    RestartOptions restart;
    AuditSink *audit; /* NULL: none */
} ApplyOptions;

/* Applies the changes of FLEET. Returns 0, also if there is nothing to do; OUTCOME_NOT_APPLIED if a
 * service does not come back, or OUTCOME_NOT_ROTATED if it then got the previous value again, as
 * root's policy said, or OUTCOME_POSTPONED if the only ones that do not have the new value are to
 * be restarted later, which is written down for the report; OUTCOME_INTERRUPTED if
 * .restart.stop is readable: the next run goes on; or why it could not be done. DUE, µs since 1970,
 * becomes less if there is something to do then that is not to be done before. */
int apply_fleet(const ApplyOptions *options, const char *fleet, Reason *reason, uint64_t *due);
