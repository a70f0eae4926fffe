/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The broker's side of rollback protection (store/rollback.h).
 *
 *     the store is recovered ──► the state is compared with the store, in the same child
 *                            ──► the counter is read, in a TPM child ──► the verdict
 *     a commit has ended     ──► the counter is incremented, in a TPM child, when it may be
 *
 * A rollback that was noticed stays so until a later broker finds none: root accepts what is there
 * (nspawn-creds setup --accept-rollback), which restarts the broker. Nothing is counted until then.
 * If the TPM cannot say the counter's value, the guard asks again after a while.
 *
 * The configuration says whether requests are refused then, or while the verdict is missing;
 * .host_resources tells request_begin().
 */

#include "request/host_resources.h"
#include "request/store_job.h"

typedef enum GuardState {
    GUARD_STARTS, /* the state is not read yet */
    GUARD_OFF,
    GUARD_CHECKS,    /* the verdict is missing */
    GUARD_WELL,      /* this is the last state */
    GUARD_NOTICED,   /* a rollback */
    GUARD_UNCHECKED, /* the TPM cannot say */
} GuardState;

/* All but the private part is borrowed. */
typedef struct RollbackGuard {
    sd_event *event;
    const ServerConfig *config;
    Children *children;
    AuditSink *audit;
    StoreQueue *store;
    HostResources *resources;
    /* called once: with the first verdict if requests may be refused, otherwise at once */
    void (*checked)(void *userdata);
    void *userdata;

    GuardState state;
    int rc; /* GUARD_NOTICED and _UNCHECKED: an outcome */
    Reason reason;
    uint64_t value;      /* the counter's */
    uint64_t increments; /* since the worker began */

    uint32_t counter; /* private from here on: the NV index */
    uint64_t due;     /* when it may be incremented again, CLOCK_MONOTONIC, µs */
    bool changed;     /* something changed since the last increment */
    bool resumes;     /* the state already has the next value */
    Child *child;
    Job *check;
    sd_event_source *timer;
} RollbackGuard;

/* Goes on with what the child that recovered the store has FOUND (NULL: it died). */
void rollback_guard_begin(RollbackGuard *guard, const RollbackFound *found);

/* A commit has ended. */
void rollback_guard_changed(RollbackGuard *guard);

/* Whether the counter will be incremented, so that the broker should not exit. */
bool rollback_guard_is_busy(const RollbackGuard *guard);

/* "well", "noticed" or "unchecked". */
const char *rollback_guard_word(const RollbackGuard *guard);
