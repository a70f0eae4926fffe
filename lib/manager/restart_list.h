/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The restart list: the inner services that use changed credentials. Those that run are restarted
 * or reloaded, in all containers concerned, and have to stay up. A service that does not run is not
 * started.
 *
 *     restart_list_new ──► restart_list_connect ──► the caller puts the new values in place
 *                                                       ▼
 *                                               restart_list_apply ──► done
 *                                                       └─ one fails ──► the caller puts the old
 *                                                 values back ──► restart_list_undo
 *
 * The units come only from the policy files, which are root's. The caller gives the names of
 * changed credentials and nothing else, so that someone who can name changed credentials cannot
 * choose what is restarted.
 */

#include "base/context.h"
#include "base/observer.h"
#include "manager/manager.h"
#include "policy/effect.h"

/* A container with a unit on the list. */
typedef struct RestartMachine {
    char name[LIMIT_MACHINE_BYTES + 1];
    Manager *manager; /* NULL if it is not running */
    int rc;           /* of the connection to it */
    bool given_up;    /* its manager cannot be reached, or took too long: nothing more is asked */
    Reason why;       /* .given_up */
} RestartMachine;

typedef struct RestartUnit {
    RestartMachine *machine;
    const char *name; /* borrowed from the policy */
    PolicyChange action;
    const char *result;  /* "restarted", "not-running" and so on; NULL at first */
    ManagerState before; /* before its job */
    ManagerState after;  /* right after its job */
    uint64_t left;       /* the time that it may still take, µs */
    bool touched;        /* a job was started for it */
    bool resumed;        /* by the caller: its job was in an earlier run, it only has to be up */
    bool begun;          /* by the caller: its job was perhaps in an earlier run */
    bool postponed;      /* by the caller: if it runs, it keeps the value before, and has failed */
    /* by the caller: its job has failed, and there is no other: it has to be up, and with another
     * invocation than .before has */
    bool checked;
} RestartUnit;

typedef struct RestartList {
    Policy **policies;
    size_t policy_count;
    PolicyEffects effects; /* with and without a unit */
    RestartMachine *machines;
    size_t machine_count;
    RestartUnit *units; /* each once, in the order of the effects */
    size_t unit_count;
} RestartList;

typedef struct RestartOptions {
    const Observer *observer; /* gets a note of each step */
    uint64_t boot_usec;       /* how long all containers' D-Bus together may take to answer */
    int stop;                 /* waiting ends when this descriptor is readable; -1 for none */
    uint64_t unit_usec;       /* for all calls and jobs of one unit together, at most */
    uint64_t settle_usec;     /* how long units have to stay up after their jobs */
    /* One unit that fails, or one container that does not answer, is no reason to leave the others
     * with the old value. */
    bool go_on;
    /* UNIT runs, and its job begins; it has ended, well or not. Both may be NULL. A negative errno
     * ends it all. */
    int (*begin)(void *userdata, const RestartUnit *unit);
    int (*done)(void *userdata, const RestartUnit *unit);
    void *userdata;
} RestartOptions;

/* Many services fail because of a wrong secret only a moment after systemd considers them started.
 */
#define RESTART_SETTLE_USEC ((uint64_t)2 * 1000 * 1000)

/* Makes the list for the COUNT names in CHANGED. If a unit is to be both restarted and reloaded, it
 * is restarted. A machine with a bad policy is left out, because it gets no credentials. Returns 0
 * or a negative errno. */
int restart_list_new(const Context *context, const CredentialName *changed, size_t count,
                     RestartList *ret);
void restart_list_done(RestartList *list); /* for _cleanup_ */

/* The unit UNIT of MACHINE; NULL if it is not on the list. */
RestartUnit *restart_list_find(const RestartList *list, const char *machine, const char *unit);

/* Whether a change of NAME, one of those that LIST was made for, affects UNIT. -ENOMEM. */
int restart_list_affects(const RestartList *list, const CredentialName *name,
                         const RestartUnit *unit, bool *ret);

/* Connects to the managers of the containers that run, before anything is changed; waits for those
 * that boot. They are asked in turn, so that silent ones keep the others waiting for two seconds
 * each, and no longer than .boot_usec if they were all asked once. Returns OUTCOME_NOT_ROTATED if
 * one cannot be reached, unless .go_on, or when stopped.
 */
int restart_list_connect(RestartList *list, const RestartOptions *options, Reason *reason);

/* Restarts and reloads. Returns OUTCOME_NOT_ROTATED at the first unit that does not come back in
 * time, or when stopped; what .done returns. With .go_on it takes all others first, .result of
 * those that failed is "failed", and REASON is about the first one. */
int restart_list_apply(RestartList *list, const RestartOptions *options, Reason *reason);

/* Restarts or reloads every touched unit again, and starts those that are down. Returns
 * OUTCOME_HALF_ROTATED if one does not come back; the others are still restarted. */
int restart_list_undo(RestartList *list, const RestartOptions *options, Reason *reason);
