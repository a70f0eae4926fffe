/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ledger. See ledger.h.
 */

#include "server/ledger.h"

static void ledger_write(AuditSink *sink, const AuditRecord *record)
{
    Ledger *ledger = (Ledger *)sink;

    ledger->counts[record->verdict]++;
    ledger->next->write(ledger->next, record);
    if (ledger->entered)
        ledger->entered(ledger->userdata, record);
}

void ledger_begin(Ledger *ledger, const ServerConfig *config)
{
    *ledger = (Ledger){
        .sink.write = ledger_write,
        .next = config->audit,
        .begun = monotonic_usec(),
    };
}
