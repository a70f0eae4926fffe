/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The journal sink. See journal.h.
 *
 * libsystemd keeps its socket to the journal in a static variable. The process that writes records
 * must be the first to use it: a supervisor that had opened it would close it under its workers,
 * see server/handover.h.
 */

#define SD_JOURNAL_SUPPRESS_LOCATION

#include "audit/journal.h"

#include <stdio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

static void journal_write(AuditSink *sink, const AuditRecord *record)
{
    AuditEntry entry;

    (void)sink;
    audit_entry_format(record, &entry);
    /* sd_journal_sendv() says success where there is no journal at all */
    if (access(JOURNAL_SOCKET, F_OK) == 0 && sd_journal_sendv(entry.fields, (int)entry.count) >= 0)
        return;
    fprintf(stderr, "<%s>%s\n", audit_entry_get(&entry, "PRIORITY"),
            audit_entry_get(&entry, "MESSAGE"));
}

AuditSink *audit_journal(void)
{
    static AuditSink sink = {.write = journal_write};

    return &sink;
}
