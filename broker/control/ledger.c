/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ledger. See ledger.h.
 */

#include "control/ledger.h"

const uint64_t ledger_bounds[LEDGER_BOUNDS] = {
    1000, 10 * 1000, 100 * 1000, 1000 * 1000, 10 * 1000 * 1000, 60 * 1000 * 1000,
};

static void count(Ledger *ledger, const AuditRecord *record)
{
    size_t i = 0;

    ledger->counts[record->verdict]++;
    if (record->verdict > AUDIT_ABANDONED)
        return; /* a change is no request */
    while (i < LEDGER_BOUNDS && record->usec > ledger_bounds[i])
        i++;
    ledger->outcomes[record->outcome < 0 ? _OUTCOME_MAX : record->outcome]++;
    ledger->durations[i]++;
    ledger->usec += record->usec;
}

static void ledger_write(AuditSink *sink, const AuditRecord *record)
{
    Ledger *ledger = (Ledger *)sink;

    count(ledger, record);
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
