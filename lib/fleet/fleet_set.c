/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/fleet_set.h"

#include "base/array.h"
#include "base/fsutil.h"
#include "fleet/fleet_config.h"
#include "store/commit.h"
#include "store/history.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

void fleet_set_done(FleetSet *set)
{
    store_free(set->store);
    bytes_done(&set->bundle);
    manifest_done(&set->manifest);
    value_changes_done(&set->restored);
    value_changes_done(&set->pending);
    *set = (FleetSet){0};
}

void fleet_set_path(const char *store, const char *fleet, char path[PATH_MAX])
{
    char name[PATH_MAX];

    snprintf(name, sizeof(name), "fleet%s%s", *fleet ? "/" : "", fleet);
    store_path_beside(store, name, path);
}

int fleet_set_list(const char *store, Reason *reason, char ***ret)
{
    char path[PATH_MAX];

    fleet_set_path(store, "", path);
    return fleet_names_list(path, "", reason, ret);
}

/* --- opening --- */

/* A reset counts for the bundle that was accepted then, and not for later ones. */
static int read_reset(const FleetSet *set, Reason *reason, bool *ret)
{
    _cleanup_(bytes_done) Bytes reset = {0};
    char digest[DIGEST_TEXT_BYTES];
    int r = store_read_record(set->store, FLEET_RESET_RECORD, reason, &reset);

    digest_format(bytes_view(&set->bundle), digest);
    *ret = r == 0 && bytes_view_equal(bytes_view(&reset), text_view(digest));
    return r == OUTCOME_NOT_FOUND ? 0 : r;
}

static int read_bundle(FleetSet *set, Reason *reason)
{
    _cleanup_(bundle_done) Bundle bundle = {0};
    int r = bundle_parse(bytes_view(&set->bundle), reason, &bundle);

    if (r == 0)
        digest_format(bytes_view(&bundle.statement), set->digest);
    if (r == 0)
        r = statement_parse(bytes_view(&bundle.statement), reason, &set->statement);
    if (r == 0)
        r = manifest_parse(bytes_view(&bundle.manifest), reason, &set->manifest);
    if (r == 0 && strcmp(set->statement.fleet, set->fleet) != 0)
        r = reason_set(reason, OUTCOME_BAD_BUNDLE, "it is of the fleet %s", set->statement.fleet);
    return r > 0 ? OUTCOME_BAD_BUNDLE : r;
}

/* Nothing is served instead if RECORD is not valid. If the system cannot read it, nobody knows. */
static int read_instead(const FleetSet *set, const char *record, Reason *reason, ValueChanges *ret)
{
    _cleanup_(bytes_done) Bytes text = {0};
    int r = store_read_record(set->store, record, reason, &text);

    value_changes_done(ret);
    if (r == 0)
        r = instead_parse(bytes_view(&text), record, set->digest, NULL, ret);
    return r < 0 ? r : 0;
}

static int read_both_instead(FleetSet *set, Reason *reason)
{
    int r = read_instead(set, RESTORED_RECORD, reason, &set->restored);

    return r == 0 ? read_instead(set, PENDING_RECORD, reason, &set->pending) : r;
}

/* Opens the store and reads the bundle; nothing else of RET is set. */
static int open_bundle(const char *store, const char *fleet, Reason *reason, FleetSet *ret)
{
    char path[PATH_MAX];
    int r;

    snprintf(ret->fleet, sizeof(ret->fleet), "%s", fleet);
    fleet_set_path(store, fleet, path);
    /* as for the host's own store: the broker has only the rights of its own user */
    r = geteuid() == 0 ? store_open_installed(path, reason, &ret->store)
                       : store_new(path, reason, &ret->store);
    if (r == 0)
        r = store_read_record(ret->store, FLEET_SET_RECORD, reason, &ret->bundle);
    return r == -ENOENT || r == OUTCOME_NOT_FOUND
               ? reason_set(reason, OUTCOME_NO_SET,
                            "this host has not accepted anything from the fleet %s yet", fleet)
               : r;
}

/* Whether R, of open_bundle(), means that the disk does not give back the bundle. As long as it
 * does not, a reset of the empty text counts. */
static bool is_unread(int r, const FleetSet *set)
{
    return r == -EIO && set->store;
}

static int parse(const char *store, Reason *reason, FleetSet *set)
{
    char path[PATH_MAX];
    Reason what = {0};
    int r = read_bundle(set, &what);

    fleet_set_path(store, set->fleet, path);
    return r > 0 ? reason_set(reason, r,
                              "the accepted bundle %.100s/.record." FLEET_SET_RECORD
                              " is damaged (%.60s). After nspawn-creds fleet reset %s the next set "
                              "replaces it",
                              path, what.text, set->fleet)
                 : r;
}

/* The outcome as others see it. A bundle that was accepted and is damaged is no bad one of the
 * fleet's, but a file of this host; and one that the disk does not give back is neither there nor
 * gone. UNREAD if that is the bundle. */
static int damage(int r, const char *store, const char *fleet, bool unread, Reason *reason)
{
    char path[PATH_MAX];

    if (r == OUTCOME_BAD_BUNDLE || r == OUTCOME_TOO_LARGE)
        return OUTCOME_STORE_UNSAFE;
    if (r == -EIO && reason) {
        Reason what = *reason;

        fleet_set_path(store, fleet, path);
        (void)reason_set(reason, 0,
                         "%.100s: %.80s. Look for faults of the disk: journalctl -k. If they "
                         "stay, %s%s",
                         path, what.text,
                         unread ? "have the next set replace it: nspawn-creds fleet reset "
                                : "restore the directory from a backup",
                         unread ? fleet : "");
    }
    return r;
}

int fleet_set_open(const char *store, const char *fleet, Reason *reason, FleetSet *ret)
{
    _cleanup_(fleet_set_done) FleetSet set = {0};
    bool reset = false, unread;
    int r = open_bundle(store, fleet, reason, &set);

    unread = is_unread(r, &set);
    if (r == 0)
        r = read_reset(&set, reason, &reset);
    if (r == 0)
        r = parse(store, reason, &set);
    else if (unread && read_reset(&set, NULL, &reset) == 0 && reset)
        r = OUTCOME_BAD_BUNDLE;
    if (r == OUTCOME_BAD_BUNDLE && reset)
        return reason_set(reason, OUTCOME_NO_SET,
                          "what this host has accepted from the fleet %s is damaged, or cannot be "
                          "read, and the next set replaces it",
                          fleet);
    set.floor = reset ? 0 : set.statement.sequence;
    if (r == 0)
        r = read_both_instead(&set, reason);
    if (r == 0)
        *ret = TAKE(set);
    return damage(r, store, fleet, unread, reason);
}

int fleet_set_open_damaged(const char *store, const char *fleet, Reason *reason, FleetSet *ret)
{
    _cleanup_(fleet_set_done) FleetSet set = {0};
    int r = open_bundle(store, fleet, reason, &set);

    if (is_unread(r, &set))
        r = OUTCOME_BAD_BUNDLE;
    if (r == 0)
        r = parse(store, reason, &set);
    if (r == OUTCOME_BAD_BUNDLE) {
        set.statement = (Statement){0};
        r = 0;
    }
    if (r == 0)
        *ret = TAKE(set);
    return r;
}

static int write_record(const Store *store, const char *verb, const char *name, BytesView content,
                        Reason *reason)
{
    return store_commit(store,
                        &(StoreCommit){.origin = {verb, getuid(), getpid()},
                                       .records = &(StoreRecord){name, content},
                                       .record_count = 1},
                        reason);
}

int fleet_set_reset(const FleetSet *set, Reason *reason)
{
    char digest[DIGEST_TEXT_BYTES];

    digest_format(bytes_view(&set->bundle), digest);
    return store_commit(
        set->store,
        &(StoreCommit){.origin = {"reset", getuid(), getpid()},
                       .records = (const StoreRecord[]){{FLEET_RESET_RECORD, text_view(digest)},
                                                        {FLEET_REFUSED_RECORD, (BytesView){0}}},
                       .record_count = 2},
        reason);
}

/* --- what changed --- */

/* Whether another set was accepted since SET was opened. */
static int check_changed(const FleetSet *set, Reason *reason)
{
    _cleanup_(bytes_done) Bytes bundle = {0};
    int r = store_read_record(set->store, FLEET_SET_RECORD, reason, &bundle);

    if (r == 0 && !bytes_view_equal(bytes_view(&bundle), bytes_view(&set->bundle)))
        return reason_set(reason, OUTCOME_CHANGED, "another set of the fleet %s was accepted",
                          set->fleet);
    return r;
}

int fleet_set_changes(const FleetSet *set, Reason *reason, ValueChanges *ret)
{
    _cleanup_(bytes_done) Bytes text = {0};
    int r = store_read_record(set->store, VALUE_CHANGES_RECORD, reason, &text);

    if (r == 0)
        r = check_changed(set, reason);
    return r == 0 ? value_changes_parse(bytes_view(&text), reason, ret) : r;
}

int fleet_set_applied(const FleetSet *set, Reason *reason, FleetApplied *ret)
{
    _cleanup_(bytes_done) Bytes text = {0};
    int r = store_read_record(set->store, FLEET_APPLIED_RECORD, reason, &text);

    return r == 0 ? fleet_applied_parse(bytes_view(&text), reason, ret) : r;
}

int fleet_set_write_applied(const FleetSet *set, const FleetApplied *applied, Reason *reason)
{
    _cleanup_(bytes_done) Bytes text = {0};
    int r = fleet_applied_format(applied, &text);

    return r == 0 ? write_record(set->store, "applied", FLEET_APPLIED_RECORD, bytes_view(&text),
                                 reason)
                  : r;
}

/* --- reading --- */

int fleet_set_read_signed(const FleetSet *set, const CredentialName *name, Reason *reason,
                          Bytes *ret)
{
    const ManifestCredential *credential = manifest_find(&set->manifest, name);
    _cleanup_(bytes_done) Bytes file = {0};
    char digest[DIGEST_TEXT_BYTES] = "";
    int r, changed;

    if (!credential)
        return reason_set(reason, OUTCOME_NO_SET,
                          "sequence %" PRIu64 " of the fleet %s does not have %s@%s",
                          set->statement.sequence, set->fleet, name->machine, name->id);
    r = store_read(set->store, name, reason, &file);
    if (r == 0)
        digest_format(bytes_view(&file), digest);
    if (r == 0 && strcmp(digest, credential->sha256) == 0) {
        *ret = TAKE(file);
        return 0;
    }
    if (r != 0 && r != OUTCOME_NOT_FOUND)
        return r;
    changed = check_changed(set, reason);
    if (changed != 0)
        return changed;
    if (r == OUTCOME_NOT_FOUND)
        return reason_set(reason, OUTCOME_NO_SET,
                          "somebody removed the file of %s@%s from the fleet %s's set",
                          name->machine, name->id, set->fleet);
    return reason_set(reason, OUTCOME_NOT_SIGNED,
                      "somebody replaced the file of %s@%s in the fleet %s's set: sequence "
                      "%" PRIu64 " has another digest",
                      name->machine, name->id, set->fleet, set->statement.sequence);
}

/* The file that NAME had before the one in the manifest. OUTCOME_NOT_FOUND. */
static int read_previous(const FleetSet *set, const CredentialName *name, Bytes *ret)
{
    _cleanup_(store_history_done) StoreHistory history = {0};
    int r = store_read_history(set->store, name, NULL, &history);

    if (r == 0 && history.count > 1)
        *ret = TAKE(history.values[1].sealed);
    return r == 0 && history.count < 2 ? OUTCOME_NOT_FOUND : r;
}

int fleet_set_restore(FleetSet *set, CredentialName *names, size_t count, Reason *reason,
                      size_t *ret_count)
{
    _cleanup_(bytes_done) Bytes text = {0};
    int r = 0;

    *ret_count = 0;
    for (size_t i = 0; r == 0 && i < count; i++) {
        _cleanup_(bytes_done) Bytes file = {0};
        char digest[DIGEST_TEXT_BYTES];

        /* what failed is what is served until a pending file opens */
        r = manifest_find(&set->manifest, &names[i]) &&
                    !value_changes_find(&set->pending, &names[i])
                ? read_previous(set, &names[i], &file)
                : OUTCOME_NOT_FOUND;
        if (r == 0) {
            digest_format(bytes_view(&file), digest);
            r = value_changes_put(&set->restored, &names[i], digest);
            names[(*ret_count)++] = names[i];
        } else if (r > 0) {
            r = 0;
        }
    }
    if (r == 0)
        r = instead_format(&set->restored, RESTORED_RECORD, set->digest, &text);
    return r == 0 && *ret_count > 0
               ? write_record(set->store, "restored", RESTORED_RECORD, bytes_view(&text), reason)
               : r;
}

/* The previous file of NAME, if LIST has its digest. OUTCOME_NOT_FOUND. */
static int read_listed(const FleetSet *set, const ValueChanges *list, const CredentialName *name,
                       Bytes *ret)
{
    const ValueChange *listed = value_changes_find(list, name);
    _cleanup_(bytes_done) Bytes file = {0};
    char digest[DIGEST_TEXT_BYTES];
    int r = listed && manifest_find(&set->manifest, name) ? read_previous(set, name, &file)
                                                          : OUTCOME_NOT_FOUND;

    if (r != 0)
        return r;
    digest_format(bytes_view(&file), digest);
    if (strcmp(digest, listed->sha256) != 0)
        return OUTCOME_NOT_FOUND;
    *ret = TAKE(file);
    return 0;
}

int fleet_set_read(const FleetSet *set, const CredentialName *name, Reason *reason, Bytes *ret)
{
    int r = read_listed(set, &set->restored, name, ret);

    if (r < 0) /* not the value in whose place it is */
        return reason_set(reason, r, "cannot read the previous file of %s@%s, which is restored",
                          name->machine, name->id);
    return r == 0 ? 0 : fleet_set_read_signed(set, name, reason, ret);
}

bool fleet_pending_outcome(int rc)
{
    return rc == OUTCOME_TPM_PCR_MISMATCH || rc == OUTCOME_TPM_NO_SIGNATURE;
}

int fleet_set_read_predecessor(const FleetSet *set, const CredentialName *name, Reason *reason,
                               Bytes *ret)
{
    int changed, r = value_changes_find(&set->restored, name)
                         ? OUTCOME_NOT_FOUND
                         : read_listed(set, &set->pending, name, ret);

    if (r != OUTCOME_NOT_FOUND)
        return r;
    changed = check_changed(set, reason);
    return changed != 0 ? changed : r;
}

/* Makes SET the accepted one, if it is another. */
static int refresh(const char *store, const char *fleet, Reason *reason, FleetSet *set)
{
    _cleanup_(fleet_set_done) FleetSet now = {0};
    bool unread;
    int r = open_bundle(store, fleet, reason, &now);

    if (r == 0 && strcmp(set->fleet, fleet) == 0 &&
        bytes_view_equal(bytes_view(&now.bundle), bytes_view(&set->bundle))) {
        /* the directory may be another one */
        store_free(set->store);
        set->store = TAKE_PTR(now.store);
        return damage(read_both_instead(set, reason), store, fleet, false, reason);
    }
    unread = is_unread(r, &now);
    if (r == 0)
        r = parse(store, reason, &now);
    if (r == 0)
        r = read_both_instead(&now, reason);
    fleet_set_done(set);
    if (r == 0)
        *set = TAKE(now);
    return damage(r, store, fleet, unread, reason);
}

int fleet_read(const char *store, const char *fleet, const CredentialName *name, FleetSet *set,
               Reason *reason, Bytes *ret)
{
    int r = OUTCOME_CHANGED;

    for (unsigned look = 0; r == OUTCOME_CHANGED && look < LIMIT_STORE_LOOKS; look++) {
        r = refresh(store, fleet, reason, set);
        if (r == 0)
            r = fleet_set_read(set, name, reason, ret);
    }
    return r;
}

FleetOrigin fleet_set_origin(const FleetSet *set)
{
    FleetOrigin origin = {.sequence = set->statement.sequence};

    strcpy(origin.fleet, set->fleet);
    return origin;
}

/* --- the last refusal --- */

int fleet_set_refuse(const Store *store, BytesView report, Reason *reason)
{
    return write_record(store, "refused", FLEET_REFUSED_RECORD, report, reason);
}

int fleet_set_refused(const char *store, const char *fleet, Bytes *ret)
{
    _cleanup_(store_freep) Store *opened = NULL;
    char path[PATH_MAX];
    int r;

    fleet_set_path(store, fleet, path);
    r = store_new(path, NULL, &opened);
    if (r == 0)
        r = store_read_record(opened, FLEET_REFUSED_RECORD, NULL, ret);
    return r == -ENOENT ? OUTCOME_NOT_FOUND : r;
}
