/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The ledger: counts what becomes of requests, tells who listens, and passes every record on to
 * the configured audit sink.
 *
 * It begins with the worker: what an earlier one counted is in the journal.
 */

#include "server/config.h"

typedef struct Ledger {
    AuditSink sink; /* first: what is written here is entered */
    AuditSink *next;
    uint64_t begun; /* CLOCK_MONOTONIC, µs */
    uint64_t counts[_AUDIT_VERDICT_MAX];
    void (*entered)(void *userdata, const AuditRecord *record); /* NULL if nobody listens */
    void *userdata;
} Ledger;

void ledger_begin(Ledger *ledger, const ServerConfig *config);
