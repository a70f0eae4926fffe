/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "request/fleet_commit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FLEET_FOLDER_MODE ((mode_t)0770)

FleetCommit *fleet_commit_free(FleetCommit *commit)
{
    if (commit) {
        for (size_t i = 0; commit->files && i < commit->manifest.count; i++)
            bytes_done(&commit->files[i]);
        free(commit->files);
        free(commit->changed);
        free(commit->keep);
        manifest_done(&commit->manifest);
        bytes_done(&commit->bundle);
        bytes_done(&commit->refused);
        free(commit);
    }
    return NULL;
}

int fleet_commit_open(const char *store, const char *fleet, bool to_create, Reason *reason,
                      Store **ret)
{
    char path[PATH_MAX];

    fleet_set_path(store, fleet, path);
    if (to_create && mkdir(path, FLEET_FOLDER_MODE) < 0 && errno != EEXIST)
        return reason_set(reason, -errno, "cannot make %s", path);
    return store_new(path, reason, ret);
}

/* Adds the removal of what OLD has and the new manifest has not, if the file is there. */
static void remove_old(const FleetSet *old, const FleetCommit *commit, StoreChange *changes,
                       size_t *count)
{
    for (size_t i = 0; i < old->manifest.count; i++) {
        const CredentialName *name = &old->manifest.credentials[i].name;
        _cleanup_(bytes_done) Bytes file = {0};

        if (!manifest_find(&commit->manifest, name) &&
            store_read(old->store, name, NULL, &file) != OUTCOME_NOT_FOUND)
            changes[(*count)++] = (StoreChange){.name = *name, .remove = true};
    }
}

/* The list of what has changed, with this set. Of a list that cannot be read nothing is kept: these
 * services keep their values until the next change. */
static int list_changes(const FleetSet *old, const FleetCommit *commit, ValueChanges *ret)
{
    _cleanup_(value_changes_done) ValueChanges before = {0};
    int r = old->store ? fleet_set_changes(old, NULL, &before) : 0;

    if (r == -ENOMEM)
        return r;
    r = 0;
    for (size_t i = 0; r == 0 && i < commit->manifest.count; i++) {
        const CredentialName *name = &commit->manifest.credentials[i].name;
        const ValueChange *last = value_changes_find(&before, name);

        if (commit->changed[i])
            r = value_changes_put(ret, name, commit->statement);
        else if (last)
            r = value_changes_put(ret, name, last->sha256);
    }
    return r;
}

/* Credentials whose file is the same as before stay restored. */
static int list_restored(const FleetSet *old, const FleetCommit *commit, ValueChanges *ret)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < commit->manifest.count; i++) {
        const ValueChange *restored =
            value_changes_find(&old->restored, &commit->manifest.credentials[i].name);

        if (restored && commit->files[i].size == 0)
            r = value_changes_put(ret, &restored->name, restored->sha256);
    }
    return r;
}

/* The previous file is kept beside the one that replaces it. It stays the same where the value
 * does, and where it is served again. */
static StoreChange change_of(const FleetSet *old, const FleetCommit *commit, size_t i)
{
    const CredentialName *name = &commit->manifest.credentials[i].name;
    bool settle = !commit->changed[i] || value_changes_find(&old->restored, name);

    return (StoreChange){.name = *name,
                         .sealed = bytes_view(&commit->files[i]),
                         .settle = commit->keep[i] && settle,
                         .keep_old = commit->keep[i] && !settle};
}

int fleet_commit_run(const FleetCommit *commit, const char *path, const Store *store,
                     const StoreCommit *base, Reason *reason)
{
    StoreRecord records[] = {{FLEET_SET_RECORD, bytes_view(&commit->bundle)},
                             {.name = VALUE_CHANGES_RECORD},
                             {.name = RESTORED_RECORD}};
    _cleanup_(fleet_set_done) FleetSet old = {0};
    _cleanup_(value_changes_done) ValueChanges list = {0}, restored = {0};
    _cleanup_(bytes_done) Bytes text = {0}, restored_text = {0};
    _cleanup_(freep) StoreChange *changes = NULL;
    StoreCommit wanted = *base;
    RollbackScope scope;
    size_t count = 0;
    int r;

    if (commit->refused.size > 0)
        return fleet_set_refuse(store, bytes_view(&commit->refused), reason);
    r = fleet_set_open(path, commit->fleet, NULL, &old);
    /* what cannot be read of the old set is replaced by the new one */
    if (r < 0)
        return reason_set(reason, r, "cannot read the accepted set of the fleet %s", commit->fleet);
    if (strcmp(old.digest, commit->base) != 0)
        return reason_set(reason, OUTCOME_CHANGED, "another set of the fleet %s was accepted",
                          commit->fleet);
    if (list_changes(&old, commit, &list) != 0 || value_changes_format(&list, &text) != 0)
        return -ENOMEM;
    if (list_restored(&old, commit, &restored) != 0 ||
        restored_format(&restored, commit->statement, &restored_text) != 0)
        return -ENOMEM;
    records[1].content = bytes_view(&text);
    records[2].content = bytes_view(&restored_text);
    changes = calloc(commit->manifest.count + old.manifest.count + 1, sizeof(changes[0]));
    if (!changes)
        return -ENOMEM;
    for (size_t i = 0; i < commit->manifest.count; i++)
        if (commit->files[i].size > 0)
            changes[count++] = change_of(&old, commit, i);
    if (r == 0)
        remove_old(&old, commit, changes, &count);
    scope = (RollbackScope){.store = path,
                            .fleet = commit->fleet,
                            .sequence = commit->sequence,
                            .before = r == 0 ? old.statement.sequence : 0};
    wanted.rollback = &scope;
    wanted.changes = changes;
    wanted.count = count;
    wanted.records = records;
    wanted.record_count = restored.count > 0 || old.restored.count > 0 ? 3 : 2;
    wanted.history = 1;
    return store_commit(store, &wanted, reason);
}
