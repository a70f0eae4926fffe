/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Puts a sealed file into a store, for tests that are about something else than commits.
 */

#include "support.h"

#include "store/commit.h"

/* Replaces NAME's file, and keeps its public half. */
static inline int store_put(const Store *store, const CredentialName *name, BytesView file)
{
    StoreChange change = {.name = *name, .sealed = file, .keep_public = true};

    return store_commit(
        store, &(StoreCommit){.changes = &change, .count = 1, .origin = {.verb = "test"}}, NULL);
}
