/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Where audit records go: the journal, or a sink of a test.
 */

#include "audit/record.h"

#include <systemd/sd-event.h>

typedef struct AuditSink AuditSink;

struct AuditSink {
    /* Never fails, because an answer cannot be withdrawn for want of a log entry. */
    void (*write)(AuditSink *sink, const AuditRecord *record);
    /* From now on EVENT's loop writes the entries that cannot be written at once. EVENT is NULL
     * when the loop ends: what still waits is written now, or lost. The member is NULL if the sink
     * always writes at once. */
    void (*attach)(AuditSink *sink, sd_event *event);
    /* Whether so many entries wait that no new work should begin, because its entries might be
     * lost. NULL if that never happens. */
    bool (*full)(const AuditSink *sink);
    /* Called from the event loop when the sink is no longer full, or NULL. The loop's owner sets
     * it. */
    void (*room)(void *userdata);
    void *userdata;
};

/* Writes RECORD, whose texts may also be NULL where they are unknown. SINK may be NULL, for none.
 */
void audit_write(AuditSink *sink, const AuditRecord *record);

static inline bool audit_sink_full(const AuditSink *sink)
{
    return sink->full && sink->full(sink);
}

/* Writes structured entries to the journal, whose socket is PATH (borrowed); where there is no
 * journal, one line per entry to standard error. A process has one such sink. */
AuditSink *audit_journal(const char *path);

#define AUDIT_JOURNAL_PATH "/run/systemd/journal/socket"
