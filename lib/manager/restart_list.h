/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What follows from changed credentials for the services that use them, and doing it: exactly those
 * units that policies name and that run are restarted or reloaded, in as many containers as it
 * takes, and have to stay up. Nothing is started that did not run.
 *
 *     restart_list_new ──► restart_list_apply ──► done
 *                               └─ one fails ──► the caller puts the old values back
 *                                                         └──► restart_list_undo
 *
 * The units come from the policy files alone, which are root's. From the caller come only the names
 * of what changed, so that whoever else says what changed cannot say what is restarted.
 */

#include "base/context.h"
#include "base/observer.h"
#include "manager/manager.h"
#include "policy/effect.h"

/* A container with a unit that is to be told. */
typedef struct RestartMachine {
    char name[LIMIT_MACHINE_BYTES + 1];
    Manager *manager; /* NULL if it does not run */
} RestartMachine;

typedef struct RestartUnit {
    size_t machine;   /* number */
    const char *name; /* the policy's */
    PolicyChange action;
    const char *result;  /* "restarted", "not-running" and so on; NULL before */
    ManagerState before; /* what it did at first */
    ManagerState after;  /* right after its job */
    uint64_t left;       /* of what may be spent on it, µs */
    bool touched;        /* there was a job for it */
} RestartUnit;

typedef struct RestartList {
    Policy **policies;
    size_t policy_count;
    PolicyEffects effects; /* all that changes, with and without a unit */
    RestartMachine *machines;
    size_t machine_count;
    RestartUnit *units; /* each once, in the order of the effects */
    size_t unit_count;
} RestartList;

typedef struct RestartOptions {
    const Observer *observer; /* has a note of each step */
    int stop;                 /* nothing is waited for once this descriptor is readable; -1: none */
    uint64_t unit_usec;       /* that all calls and jobs of one unit may take together */
    uint64_t settle_usec;     /* for how long units have to stay up after their jobs */
} RestartOptions;

/* Many a service finds out that it cannot live with a secret a moment after its start was called
 * done. */
#define RESTART_SETTLE_USEC ((uint64_t)2 * 1000 * 1000)

/* What follows from the COUNT names in CHANGED. Of one unit, a restart outweighs a reload. A
 * machine with a bad policy gets no credentials, and is left alone. -ENOMEM. */
int restart_list_new(const Context *context, const CredentialName *changed, size_t count,
                     RestartList *ret);
void restart_list_done(RestartList *list); /* for _cleanup_ */

/* Does it. OUTCOME_NOT_ROTATED at the first unit that does not come back in time, or whose
 * container cannot be talked to, and when it is stopped. */
int restart_list_apply(RestartList *list, const RestartOptions *options, Reason *reason);

/* The same again for all that were touched, and starts what is down. OUTCOME_HALF_ROTATED if one
 * does not come back; the others are told all the same. */
int restart_list_undo(RestartList *list, const RestartOptions *options, Reason *reason);
