/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The counters: an audit sink that counts verdicts, outcomes and durations, calls a listener, and
 * forwards every record to the configured sink.
 *
 * A new worker starts at zero; the journal has the entries of earlier ones.
 */

#include "base/outcome.h"
#include "process/config.h"
#include "request/expiries.h"

/* The upper bounds of the histogram of durations, µs; one more bucket has no bound. */
#define COUNTERS_BOUNDS 6

typedef struct Counters {
    AuditSink sink; /* first, so that an AuditSink pointer can be cast */
    AuditSink *next;
    Expiries *expiries; /* borrowed; a file that changes is forgotten there */
    uint64_t begun;     /* CLOCK_MONOTONIC, µs */
    uint64_t started;   /* the same in µs since 1970, which no later step of the clock changes; 0
                           until somebody wants to know */
    uint64_t counts[_AUDIT_VERDICT_MAX];
    uint64_t outcomes[_OUTCOME_MAX + 1]; /* the last one counts negative errnos */
    uint64_t durations[COUNTERS_BOUNDS + 1];
    uint64_t usec;                                              /* the sum of all durations */
    void (*entered)(void *userdata, const AuditRecord *record); /* the listener, or NULL */
    void *userdata;
} Counters;

void counters_begin(Counters *counters, const ServerConfig *config);

/* Sets .started, in the worker: what a child sets is lost. */
void counters_fix_start(Counters *counters, const Context *context);
