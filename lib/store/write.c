/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commits of one change, and of one machine, under older function names.
 */

#include "base/digest.h"
#include "base/limits.h"
#include "store/commit.h"

#include <errno.h>

static int commit(const Store *store, const StoreChange *changes, size_t count, const char *verb,
                  Reason *reason)
{
    return store_commit(
        store,
        &(StoreCommit){.changes = changes, .count = count, .origin = {verb, getuid(), getpid()}},
        reason);
}

int store_write(const Store *store, const CredentialName *name, BytesView file, Reason *reason)
{
    return commit(store, &(StoreChange){.name = *name, .sealed = file, .keep_public = true}, 1,
                  "set", reason);
}

int store_add(const Store *store, const CredentialName *name, BytesView file, Reason *reason)
{
    return commit(
        store,
        &(StoreChange){
            .name = *name, .sealed = file, .keep_public = true, .precondition = STORE_ABSENT},
        1, "generated", reason);
}

int store_write_public(const Store *store, const CredentialName *name, BytesView text,
                       Reason *reason)
{
    return commit(store, &(StoreChange){.name = *name, .public = text}, 1, "set", reason);
}

int store_remove_public(const Store *store, const CredentialName *name, Reason *reason)
{
    int r = store_write_public(store, name, (BytesView){0}, reason);

    return r == OUTCOME_NOT_FOUND ? 0 : r;
}

int store_rotate(const Store *store, const StoreRotation *rotation, Reason *reason)
{
    StoreChange change = {.name = rotation->name,
                          .sealed = rotation->file,
                          .public = rotation->public,
                          .precondition = rotation->was ? STORE_DIGEST : STORE_ANY,
                          .digest = rotation->was};
    _cleanup_(bytes_done) Bytes now = {0};
    int r = store_read(store, &rotation->name, reason, &now);

    if (r != 0 && !(r == OUTCOME_NOT_FOUND && rotation->fresh && !rotation->was))
        return r;
    return commit(store, &change, 1, "rotate", reason);
}

int store_remove(const Store *store, const CredentialName *name, Reason *reason)
{
    return commit(store, &(StoreChange){.name = *name, .remove = true}, 1, "remove", reason);
}

int store_replace(const Store *store, const StoreReplacement *replacements, size_t count,
                  Reason *reason)
{
    _cleanup_(freep) StoreChange *changes = calloc(count + 1, sizeof(changes[0]));
    _cleanup_(freep) char(*digests)[DIGEST_TEXT_BYTES] = calloc(count + 1, sizeof(digests[0]));

    if (!changes || !digests)
        return reason_set(reason, -ENOMEM, "cannot change the store");
    for (size_t i = 0; i < count; i++) {
        digest_format(replacements[i].before, digests[i]);
        changes[i] = (StoreChange){.name = replacements[i].name,
                                   .sealed = replacements[i].after,
                                   .keep_public = true,
                                   .precondition = STORE_DIGEST,
                                   .digest = digests[i]};
    }
    return commit(store, changes, count, "reseal", reason);
}
