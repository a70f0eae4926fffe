/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Shared by apply.c (what there is to do, and doing it) and apply_failed.c (units that have not
 * come back, in this run or before).
 */

#include "apply.h"

#include "fleet/fleet_set.h"
#include "policy/policy.h"

#include <string.h>

typedef struct Apply {
    const ApplyOptions *options;
    const char *fleet;
    FleetSet set;
    ValueChanges offered; /* the broker's list */
    ValueChanges wanted;  /* of that: what there is to do */
    ApplyState state;
    RestartList list;
    char machine[LIMIT_MACHINE_BYTES + 1]; /* of .policy */
    Policy *policy; /* the one that was looked at last; NULL if the machine has no valid one */
    uint64_t due;   /* when the first postponed unit may be restarted, µs since 1970; 0: none is */
} Apply;

static inline bool apply_has_failed(const RestartUnit *unit)
{
    return unit->result && strcmp(unit->result, "failed") == 0;
}

/* --- apply.c --- */

/* The units that CHANGES concern, as root's policies say. */
int apply_make_list(const Apply *apply, const ValueChanges *changes, RestartList *ret);
/* Whether a signal wants it to end. */
bool apply_is_stopped(const Apply *apply);
/* Options with which one failure leaves the others their new value, and BEGIN counts each job. */
RestartOptions apply_restart_options(Apply *apply,
                                     int (*begin)(void *userdata, const RestartUnit *unit));
/* For RestartOptions.begin: counts the job of UNIT, before it begins. */
int apply_count_job(void *userdata, const RestartUnit *unit);
/* Marks the units of LIST that had all their jobs, so that a broker that always has new changes
 * does not have a unit restarted without end. */
void apply_postpone(Apply *apply, RestartList *list);

/* --- apply_failed.c --- */

/* Notes which units of LIST have failed, and which have come back. One that does not run stays as
 * it was. */
int apply_note_failures(Apply *apply, const RestartList *list);

/* Looks whether units that have failed before, and that nothing was done about in this run, have
 * been started since. One that could not be asked then is restarted now. */
int apply_check_failed(Apply *apply, Reason *reason);

/* A credential that is to blame for apply_outcome(): a unit that has failed or is postponed uses
 * it, or it is restored. */
int apply_find_culprit(const Apply *apply, char ret[CREDENTIAL_NAME_TEXT_BYTES]);

/* How the services fared as far as is known, in this run or before: the worst of
 * OUTCOME_NOT_APPLIED, OUTCOME_NOT_ROTATED, OUTCOME_POSTPONED and 0. */
int apply_outcome(const Apply *apply);
