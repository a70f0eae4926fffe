/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The counters: counts what becomes of requests and how long they take, tells who listens, and
 * passes every record on to the configured audit sink.
 *
 * It begins with the worker: what an earlier one counted is in the journal.
 */

#include "base/outcome.h"
#include "process/config.h"

/* Durations are counted up to these bounds, µs, and beyond the last. */
#define LEDGER_BOUNDS 6
extern const uint64_t counters_bounds[LEDGER_BOUNDS];

typedef struct Counters {
    AuditSink sink; /* first: what is written here is entered */
    AuditSink *next;
    uint64_t begun; /* CLOCK_MONOTONIC, µs */
    uint64_t counts[_AUDIT_VERDICT_MAX];
    uint64_t outcomes[_OUTCOME_MAX + 1]; /* the last one: errors of the environment */
    uint64_t durations[LEDGER_BOUNDS + 1];
    uint64_t usec;                                              /* of all */
    void (*entered)(void *userdata, const AuditRecord *record); /* NULL if nobody listens */
    void *userdata;
} Counters;

void counters_begin(Counters *counters, const ServerConfig *config);
