/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Where audit records go: the journal, or whatever a test puts in its place.
 */

#include "audit/record.h"

#include <systemd/sd-event.h>

typedef struct AuditSink AuditSink;

struct AuditSink {
    /* Cannot fail: an answer is not taken back because it could not be logged. */
    void (*write)(AuditSink *sink, const AuditRecord *record);
    /* From now on, what cannot be written at once is written by EVENT's loop; which ends (NULL): it
     * is written now, or lost. NULL where all is written at once. */
    void (*attach)(AuditSink *sink, sd_event *event);
    /* Whether so much waits to be written that no new work should begin: its entries might be lost.
     * NULL: never. */
    bool (*full)(const AuditSink *sink);
    /* Called from the event loop when it is not full any more; or NULL. Set by the owner of the
     * loop. */
    void (*room)(void *userdata);
    void *userdata;
};

/* The journal, whose socket is PATH, as structured entries; standard error, one line an entry,
 * where there is no journal. There is one sink. PATH is borrowed. */
AuditSink *audit_journal(const char *path);

#define AUDIT_JOURNAL_PATH "/run/systemd/journal/socket"
