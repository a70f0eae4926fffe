/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What nspawn-creds-apply has done about the changes of a fleet, so that a run that is killed goes
 * on where it was, and no unit is restarted twice for one change.
 *
 * It is root's own file, /var/lib/nspawn-creds/apply/FLEET.json, strict JSON:
 *
 *     applied   changes that are dealt with, as in the broker's list (fleet/value_changes.h)
 *     begun     changes that a run has begun with; empty if it has ended
 *     units     the units that it has restarted or reloaded so far: {"machine", "unit"}, with
 *               "begun": true for one that ran, and whose job was about to begin
 *     failed    the units that did not come back, and are not known to run since: {"machine",
 *               "unit", "credential", "invocation"}; the last is what it had before its job, or ""
 *               if there was none. With "postponed": true it had too many jobs to get one
 *     counted   how many jobs each unit had, whatever the broker claimed: {"machine", "unit",
 *               "jobs", "since"}; the last is when the window began, µs since 1970
 */

#include "base/context.h"
#include "fleet/value_changes.h"
#include "manager/restart_list.h"

#define APPLY_STATE_FOLDER "/var/lib/nspawn-creds/apply"

typedef struct ApplyUnit {
    char machine[LIMIT_MACHINE_BYTES + 1];
    char *name;
    bool begun;     /* and perhaps not done */
    bool postponed; /* has not failed, but had too many jobs */
    char credential[CREDENTIAL_NAME_TEXT_BYTES];
    char invocation[2 * sizeof((ManagerState){0}.invocation) + 1];
    uint64_t jobs, since;
} ApplyUnit;

typedef struct ApplyUnits {
    ApplyUnit *all;
    size_t count;
} ApplyUnits;

typedef struct ApplyState {
    ValueChanges applied, begun;
    ApplyUnits units, failed, counted;
} ApplyState;

void apply_state_done(ApplyState *state); /* for _cleanup_ */

/* Reads the file of FLEET; an empty state if there is none. OUTCOME_MALFORMED; OUTCOME_TOO_LARGE; a
 * negative errno. */
int apply_state_read(const Context *context, const char *fleet, Reason *reason, ApplyState *ret);

/* Writes it, and its directory. A negative errno. */
int apply_state_write(const Context *context, const char *fleet, const ApplyState *state,
                      Reason *reason);

/* NULL if UNITS does not have UNIT. */
ApplyUnit *apply_units_find(const ApplyUnits *units, const RestartUnit *unit);
/* Removes the unit number I; the last one takes its place. */
void apply_units_remove(ApplyUnits *units, size_t i);
void apply_units_done(ApplyUnits *units); /* for _cleanup_ */

/* Adds UNIT to .units, or changes what is known of it. -ENOMEM. */
int apply_state_put_unit(ApplyState *state, const RestartUnit *unit, bool begun);
/* The same in .failed. CREDENTIAL is to blame. */
int apply_state_put_failed(ApplyState *state, const RestartUnit *unit, const char *credential);
/* The first in .failed that has failed, or is POSTPONED; NULL if there is none. */
const ApplyUnit *apply_state_first_failed(const ApplyState *state, bool postponed);

/* Counts a job of UNIT at the time NOW. -ENOMEM. */
int apply_state_count(ApplyState *state, const RestartUnit *unit, uint64_t now);
/* When UNIT may have its next job, µs since 1970; 0: at once. */
uint64_t apply_state_next(const ApplyState *state, const RestartUnit *unit, uint64_t now);
