/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What only opening a credential tells: whether it does, and when it expires.
 */

#include "client/store_client.h"

typedef struct Probe {
    int rc; /* why it does not open; OUTCOME_EXPIRED is known as if it did */
    Reason reason;
    CredentialMetadata metadata; /* if .rc is 0 or OUTCOME_EXPIRED */
    size_t size;                 /* of the value, as .metadata */
} Probe;

/* Opens ENTRY and forgets its value. OPENER's options have to be those of probe_options(). */
void probe_entry(Unsealer *unsealer, const StoreClientEntry *entry, Probe *ret);

/* OPTIONS for opening what has expired as well. */
Options probe_options(const Options *options);

/* Whether METADATA says when it expires. */
static inline bool probe_knows_expiry(const Probe *probe)
{
    return probe->rc == 0 || probe->rc == OUTCOME_EXPIRED;
}

/* "never", "2027-01-31 12:00, in 89 d 1 h", "2025-01-01 12:00, 3 d 0 h ago"; of one that knows it.
 */
#define PROBE_EXPIRY_BYTES 80
void probe_format_expiry(const Probe *probe, uint64_t now, char text[PROBE_EXPIRY_BYTES]);
