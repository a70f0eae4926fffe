/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Opens a credential to find out whether it opens, and when it expires.
 */

#include "client/store_client.h"

typedef struct OpenCheck {
    int rc; /* why it does not open; OUTCOME_EXPIRED is known as if it did */
    Reason reason;
    CredentialMetadata metadata; /* if .rc is 0 or OUTCOME_EXPIRED */
    size_t size;                 /* of the value, as .metadata */
} OpenCheck;

/* Opens ENTRY and forgets its value. UNSEALER's spec has to be for USEC_INFINITY, so that what has
 * expired opens as well. */
void open_check_entry(Unsealer *unsealer, const StoreClientEntry *entry, OpenCheck *ret);

/* Whether METADATA says when it expires. */
static inline bool open_check_knows_expiry(const OpenCheck *check)
{
    return check->rc == 0 || check->rc == OUTCOME_EXPIRED;
}

/* "never", "2027-01-31 12:00, in 89 d 1 h", "2025-01-01 12:00, 3 d 0 h ago"; of one that knows it.
 */
#define OPEN_CHECK_EXPIRY_BYTES 80
void open_check_format_expiry(const OpenCheck *check, uint64_t now,
                              char text[OPEN_CHECK_EXPIRY_BYTES]);
