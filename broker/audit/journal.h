/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Where audit records go: the journal, or whatever a test puts in its place.
 */

#include "audit/record.h"

typedef struct AuditSink AuditSink;

struct AuditSink {
    /* Cannot fail: an answer is not taken back because it could not be logged. */
    void (*write)(AuditSink *sink, const AuditRecord *record);
};

/* The journal as structured entries; standard error, one line an entry, where there is no journal.
 */
AuditSink *audit_journal(void);
