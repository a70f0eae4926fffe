/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * All of a machine's credentials are replaced, or none: at any moment, also after a crash, the
 * machine's directory holds the old files or the new ones, and a reader of the store finds each.
 *
 * The new files are made in a directory of their own, which is then exchanged with the machine's
 * (store_internal.h). It gets the old one's owner, group and mode, and each file those of the file
 * that it replaces; but where it is not root who replaces, he is the owner. What else is in the
 * directory is there afterwards, too. Where the file system cannot exchange directories nothing is
 * changed.
 */

#include "store/store.h"

typedef struct StoreChange {
    CredentialName name;
    BytesView before; /* what store_read() gave */
    BytesView after;
} StoreChange;

/* Replaces MACHINE's credentials by CHANGES, which name every one of them once. OUTCOME_CHANGED,
 * and nothing happens, if there are others now, or one is not as before. OUTCOME_NOT_FOUND,
 * OUTCOME_STORE_UNSAFE; OUTCOME_TIMEOUT if another writer does not come to its end. */
int store_replace(const Store *store, const char *machine, const StoreChange *changes, size_t count,
                  Reason *reason);
