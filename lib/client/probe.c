/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What opening tells. See probe.h.
 */

#include "client/probe.h"

#include "base/timestamp.h"

#include <string.h>

Options probe_options(const Options *options)
{
    Options eternal = *options;

    eternal.timestamp = USEC_INFINITY;
    eternal.given |= OPTION_TIMESTAMP;
    return eternal;
}

void probe_entry(Unsealer *unsealer, const StoreClientEntry *entry, Probe *ret)
{
    _cleanup_(secret_freep) Secret *plaintext = NULL;
    uint64_t now = unsealer->context->now(unsealer->context);
    char length[TIMESTAMP_LENGTH_BYTES];
    Probe probe = {0};

    probe.rc = store_client_entry_open(unsealer, entry, &probe.reason, &probe.metadata, &plaintext);
    if (probe.rc == 0) {
        probe.size = secret_size(plaintext);
        if (probe.metadata.not_after < now) {
            timestamp_format_length(now - probe.metadata.not_after, length);
            probe.rc = reason_set(&probe.reason, OUTCOME_EXPIRED, "it expired %s ago", length);
        }
    }
    *ret = probe;
}

void probe_format_expiry(const Probe *probe, uint64_t now, char text[PROBE_EXPIRY_BYTES])
{
    uint64_t then = probe->metadata.not_after;
    char time[TIMESTAMP_TEXT_BYTES], length[TIMESTAMP_LENGTH_BYTES];

    if (then == USEC_INFINITY) {
        strcpy(text, "never");
        return;
    }
    timestamp_format(then, time);
    timestamp_format_length(then < now ? now - then : then - now, length);
    snprintf(text, PROBE_EXPIRY_BYTES, "%s, %s%s%s", time, then < now ? "" : "in ", length,
             then < now ? " ago" : "");
}
