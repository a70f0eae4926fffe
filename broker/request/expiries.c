/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "request/expiries.h"

#include "base/context.h"

static Expiry *find(Expiries *expiries, const CredentialName *name)
{
    for (size_t i = 0; i < expiries->count; i++)
        if (credential_name_equal(&expiries->entries[i].name, name))
            return &expiries->entries[i];
    return NULL;
}

static Expiry *last_to_expire(Expiries *expiries)
{
    Expiry *last = expiries->entries;

    for (size_t i = 1; i < expiries->count; i++)
        if (expiries->entries[i].usec > last->usec)
            last = &expiries->entries[i];
    return last;
}

void expiries_set(Expiries *expiries, const CredentialName *name, uint64_t usec)
{
    Expiry *entry = find(expiries, name);

    if (usec == USEC_INFINITY) {
        if (entry)
            *entry = expiries->entries[--expiries->count];
        return;
    }
    if (!entry && expiries->count < LIMIT_EXPIRIES)
        entry = &expiries->entries[expiries->count++];
    if (!entry) {
        entry = last_to_expire(expiries);
        if (entry->usec <= usec)
            return;
    }
    *entry = (Expiry){*name, usec};
}

uint64_t expiries_next(const Expiries *expiries)
{
    uint64_t next = USEC_INFINITY;

    for (size_t i = 0; i < expiries->count; i++)
        if (expiries->entries[i].usec < next)
            next = expiries->entries[i].usec;
    return next;
}
