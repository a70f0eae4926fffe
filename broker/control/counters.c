/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "control/counters.h"

const uint64_t counters_bounds[COUNTERS_BOUNDS] = {
    1000, 10 * 1000, 100 * 1000, 1000 * 1000, 10 * 1000 * 1000, 60 * 1000 * 1000,
};

static void counters_write(AuditSink *sink, const AuditRecord *record)
{
    Counters *counters = (Counters *)sink;
    size_t i = 0;

    counters->counts[record->verdict]++;
    if (record->verdict <= AUDIT_ABANDONED) { /* a request, not a change */
        while (i < COUNTERS_BOUNDS && record->usec > counters_bounds[i])
            i++;
        counters->outcomes[record->outcome < 0 ? _OUTCOME_MAX : record->outcome]++;
        counters->durations[i]++;
        counters->usec += record->usec;
    }
    counters->next->write(counters->next, record);
    if (counters->entered)
        counters->entered(counters->userdata, record);
}

void counters_begin(Counters *counters, const ServerConfig *config)
{
    *counters = (Counters){
        .sink.write = counters_write,
        .next = config->audit,
        .begun = monotonic_usec(),
    };
}
