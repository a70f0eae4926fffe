/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * When credentials expire, as far as the broker knows: the time of expiry is sealed inside the
 * file, so it is known once a request or a check has opened that, until the file changes.
 */

#include "base/limits.h"
#include "base/names.h"

typedef struct Expiry {
    CredentialName name;
    uint64_t usec; /* µs since 1970 */
} Expiry;

typedef struct Expiries {
    size_t count;
    Expiry entries[LIMIT_EXPIRIES]; /* if there are more, those that expire first */
} Expiries;

/* NAME was opened and expires at USEC; USEC_INFINITY: never, or it is not known any more. */
void expiries_set(Expiries *expiries, const CredentialName *name, uint64_t usec);

/* When the first one expires; USEC_INFINITY if none is known to. */
uint64_t expiries_next(const Expiries *expiries);
