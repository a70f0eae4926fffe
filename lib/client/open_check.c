/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Checks whether a credential opens. See open_check.h.
 */

#include "client/open_check.h"

#include "base/timestamp.h"

#include <string.h>

void open_check_entry(Unsealer *unsealer, const StoreClientEntry *entry, OpenCheck *ret)
{
    _cleanup_(secret_freep) Secret *plaintext = NULL;
    uint64_t now = unsealer->context->now(unsealer->context);
    char length[TIMESTAMP_LENGTH_BYTES];
    OpenCheck check = {0};

    check.rc = store_client_entry_open(unsealer, entry, &check.reason, &check.metadata, &plaintext);
    if (check.rc == 0) {
        check.size = secret_size(plaintext);
        if (check.metadata.not_after < now) {
            timestamp_format_length(now - check.metadata.not_after, length);
            check.rc = reason_set(&check.reason, OUTCOME_EXPIRED, "it expired %s ago", length);
        }
    }
    *ret = check;
}

void open_check_format_expiry(const OpenCheck *check, uint64_t now,
                              char text[OPEN_CHECK_EXPIRY_BYTES])
{
    uint64_t then = check->metadata.not_after;
    char time[TIMESTAMP_TEXT_BYTES], length[TIMESTAMP_LENGTH_BYTES];

    if (then == USEC_INFINITY) {
        strcpy(text, "never");
        return;
    }
    timestamp_format(then, time);
    timestamp_format_length(then < now ? now - then : then - now, length);
    snprintf(text, OPEN_CHECK_EXPIRY_BYTES, "%s, %s%s%s", time, then < now ? "" : "in ", length,
             then < now ? " ago" : "");
}
