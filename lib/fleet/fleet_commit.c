/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/fleet_commit.h"

#include "credential/format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FLEET_FOLDER_MODE ((mode_t)0770)

FleetCommit *fleet_commit_free(FleetCommit *commit)
{
    if (commit) {
        for (size_t i = 0; commit->files && i < commit->manifest.count; i++)
            bytes_done(&commit->files[i].sealed);
        free(commit->files);
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

/* The list of what has changed, with this set. Of a list that is not valid nothing is kept: these
 * services keep their values until the next change. */
static int list_changes(const FleetSet *old, const FleetCommit *commit, Reason *reason,
                        ValueChanges *ret)
{
    _cleanup_(value_changes_done) ValueChanges before = {0};
    int r = old->store ? fleet_set_changes(old, reason, &before) : 0;

    if (r < 0)
        return r;
    r = 0;
    for (size_t i = 0; r == 0 && i < commit->manifest.count; i++) {
        const CredentialName *name = &commit->manifest.credentials[i].name;
        const ValueChange *last = value_changes_find(&before, name);

        if (commit->files[i].changed)
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

        if (restored && commit->files[i].sealed.size == 0)
            r = value_changes_put(ret, &restored->name, restored->sha256);
    }
    return r;
}

/* Whether what is served of FILE's credential is the previous file already: it is restored, or the
 * last one is pending. */
static bool serves_previous(const FleetSet *old, const CredentialName *name,
                            const FleetCommitFile *file)
{
    const ManifestCredential *before = manifest_find(&old->manifest, name);

    return value_changes_find(&old->restored, name) ||
           (before && file->served[0] && strcmp(file->served, before->sha256) != 0);
}

/* The digest of NAME's file as the store will keep it beside the new one, which may be another
 * encoding of the same. OUTCOME_NOT_FOUND if there is none. */
static int kept_digest(const FleetSet *old, const CredentialName *name, char ret[DIGEST_TEXT_BYTES])
{
    _cleanup_(bytes_done) Bytes file = {0}, raw = {0}, kept = {0};
    int r = old->store ? fleet_set_read_signed(old, name, NULL, &file) : OUTCOME_NOT_FOUND;

    if (r == 0)
        r = credential_decode(bytes_view(&file), NULL, &raw);
    if (r == 0)
        r = credential_encode(bytes_view(&raw), &kept);
    if (r == 0)
        digest_format(bytes_view(&kept), ret);
    return r;
}

/* Credentials that do not open yet, with the file that opens meanwhile; where none does, with the
 * last one. */
static int list_pending(const FleetSet *old, const FleetCommit *commit, ValueChanges *ret)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < commit->manifest.count; i++) {
        const FleetCommitFile *file = &commit->files[i];
        const ManifestCredential *credential = &commit->manifest.credentials[i];
        const ValueChange *listed = value_changes_find(&old->pending, &credential->name);
        char digest[DIGEST_TEXT_BYTES];

        if (!file->pending)
            continue;
        strcpy(digest, credential->sha256);
        if (file->sealed.size == 0 && listed)
            strcpy(digest, listed->sha256);
        else if (file->served[0] && serves_previous(old, &credential->name, file))
            strcpy(digest, file->served);
        else if (kept_digest(old, &credential->name, digest) == -ENOMEM)
            return -ENOMEM;
        r = value_changes_put(ret, &credential->name, digest);
    }
    return r;
}

/* The previous file is kept beside the one that replaces it. It stays the same where the value
 * does, and where it is what is served. */
static StoreChange change_of(const FleetSet *old, const FleetCommit *commit, size_t i)
{
    const CredentialName *name = &commit->manifest.credentials[i].name;
    const FleetCommitFile *file = &commit->files[i];
    bool keep = file->keep || file->pending;
    bool settle = serves_previous(old, name, file) || (!file->changed && !file->pending);

    return (StoreChange){.name = *name,
                         .sealed = bytes_view(&file->sealed),
                         .settle = keep && settle,
                         .keep_old = keep && !settle};
}

/* The records of a set that is accepted, and their texts. */
typedef struct Records {
    Bytes changes, restored, pending;
    StoreRecord list[5];
    size_t count;
} Records;

static void records_done(Records *records)
{
    bytes_done(&records->changes);
    bytes_done(&records->restored);
    bytes_done(&records->pending);
}

/* Adds the list FILES as RECORD, if there is anything in it, or BEFORE. */
static int add_instead(Records *records, const ValueChanges *files, const ValueChanges *before,
                       const char *record, const char *statement, Bytes *text)
{
    int r = 0;

    if (files->count == 0 && before->count == 0)
        return 0;
    r = instead_format(files, record, statement, text);
    records->list[records->count++] = (StoreRecord){record, bytes_view(text)};
    return r;
}

static int make_records(const FleetSet *old, const FleetCommit *commit, Reason *reason,
                        Records *ret)
{
    _cleanup_(value_changes_done) ValueChanges changes = {0}, restored = {0}, pending = {0};
    int r = list_changes(old, commit, reason, &changes);

    if (r == 0)
        r = list_restored(old, commit, &restored);
    if (r == 0)
        r = list_pending(old, commit, &pending);
    if (r == 0)
        r = value_changes_format(&changes, &ret->changes);
    ret->list[0] = (StoreRecord){FLEET_SET_RECORD, bytes_view(&commit->bundle)};
    ret->list[1] = (StoreRecord){VALUE_CHANGES_RECORD, bytes_view(&ret->changes)};
    ret->count = 2;
    if (r == 0)
        r = add_instead(ret, &restored, &old->restored, RESTORED_RECORD, commit->statement,
                        &ret->restored);
    if (r == 0)
        r = add_instead(ret, &pending, &old->pending, PENDING_RECORD, commit->statement,
                        &ret->pending);
    return r;
}

/* Ends a reset: it must not count again if this bundle is ever damaged in the same way. */
static void end_reset(const Store *store, Records *records)
{
    _cleanup_(bytes_done) Bytes reset = {0};

    if (store_read_record(store, FLEET_RESET_RECORD, NULL, &reset) != OUTCOME_NOT_FOUND)
        records->list[records->count++] = (StoreRecord){FLEET_RESET_RECORD, (BytesView){0}};
}

/* REASON stays as it is where all goes well. */
static int forward(int r, const Reason *why, Reason *reason)
{
    if (reason)
        *reason = *why;
    return r;
}

int fleet_commit_run(const FleetCommit *commit, const char *path, const Store *store,
                     const StoreCommit *base, Reason *reason)
{
    _cleanup_(records_done) Records records = {0};
    _cleanup_(fleet_set_done) FleetSet old = {0};
    _cleanup_(freep) StoreChange *changes = NULL;
    StoreCommit wanted = *base;
    RollbackScope scope;
    Reason why = {0};
    size_t count = 0;
    int r;

    if (commit->refused.size > 0)
        return fleet_set_refuse(store, bytes_view(&commit->refused), reason);
    r = fleet_set_open(path, commit->fleet, &why, &old);
    if (r < 0)
        return forward(r, &why, reason);
    if (r > 0 && r != OUTCOME_NO_SET)
        return reason_set(reason, OUTCOME_CHANGED, "cannot read the accepted set of the fleet %s",
                          commit->fleet);
    if (strcmp(old.digest, commit->base) != 0)
        return reason_set(reason, OUTCOME_CHANGED, "another set of the fleet %s was accepted",
                          commit->fleet);
    r = make_records(&old, commit, &why, &records);
    if (r != 0)
        return forward(r, &why, reason);
    end_reset(store, &records);
    changes = calloc(commit->manifest.count + old.manifest.count + 1, sizeof(changes[0]));
    if (!changes)
        return -ENOMEM;
    for (size_t i = 0; i < commit->manifest.count; i++)
        if (commit->files[i].sealed.size > 0)
            changes[count++] = change_of(&old, commit, i);
    remove_old(&old, commit, changes, &count);
    scope = (RollbackScope){.store = path,
                            .fleet = commit->fleet,
                            .sequence = commit->sequence,
                            .before = old.statement.sequence};
    wanted.rollback = &scope;
    wanted.changes = changes;
    wanted.count = count;
    wanted.records = records.list;
    wanted.record_count = records.count;
    wanted.history = 1;
    return store_commit(store, &wanted, reason);
}
