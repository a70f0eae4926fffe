/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a rotation does with inner units: exactly those that policy names and that run are restarted
 * or reloaded, in as many containers as it takes, and have to come back. Nothing is started that
 * did not run.
 *
 *     rotation_plan ──► rotation_apply ──► done
 *                           └─ one fails ──► the old value is put back ──► rotation_undo
 */

#include "base/names.h"
#include "manager/inner_manager.h"
#include "policy/policy.h"

#include <json-c/json.h>

/* A container that is concerned. */
typedef struct RotationMachine {
    char name[LIMIT_MACHINE_BYTES + 1];
    InnerManager *manager; /* NULL if it does not run */
} RotationMachine;

typedef struct RotationUnit {
    size_t machine; /* number */
    char *name;
    PolicyChange action;
    InnerManagerUnit before; /* what it did at first */
    InnerManagerUnit after;  /* right after its job */
    bool touched;            /* there was a job for it */
    char result[32];         /* for words and JSON: "restarted", "not-running" and so on */
} RotationUnit;

typedef struct Rotation {
    RotationMachine *machines;
    size_t machine_count;
    RotationUnit *units;
    size_t unit_count;
    bool quiet; /* no words on standard output */
} Rotation;

void rotation_done(Rotation *rotation); /* for _cleanup_ */

/* CHANGES is of the interface's type []Change. Of one unit, a restart outweighs a reload. -EPROTO,
 * -ENOMEM. */
int rotation_plan(struct json_object *changes, Rotation *rotation);

/* Does it. OUTCOME_NOT_ROTATED, at the first unit that does not come back, or whose container
 * cannot be talked to. */
int rotation_apply(Rotation *rotation, Reason *reason);

/* The same again for all that were touched, and starts what is down. OUTCOME_HALF_ROTATED if one
 * does not come back. */
int rotation_undo(Rotation *rotation, Reason *reason);

/* [{"machine", "unit", "action", "result"}]; NULL if there is no memory. */
struct json_object *rotation_to_json(const Rotation *rotation);

/* From now until the program ends, a signal that would end it only makes rotation_apply() fail. */
void rotation_hold_signals(void);
