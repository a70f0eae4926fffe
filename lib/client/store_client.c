/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/store_client.h"

#include "base/base64.h"
#include "base/context.h"
#include "base/fsutil.h"
#include "base/json.h"
#include "base/timestamp.h"
#include "credential/open.h"
#include "protocol/varlink.h"
#include "store/history.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void store_client_done(StoreClient *store)
{
    store_free(store->store);
    *store = (StoreClient){0};
}

int store_client_open(const char *path, bool installed, const Observer *observer, Reason *reason,
                      StoreClient *ret)
{
    StoreClient store = {
        .path = path,
        .observer = observer,
        .control = installed ? CLIENT_DEFAULT_PATH : NULL,
        /* a store that is not the host's has no entries in the host's journal */
        .audit = installed ? audited_commit_journal() : NULL,
    };
    int r = installed ? store_open_installed(path, reason, &store.store)
                      : store_new(path, reason, &store.store);

    if (r == -EACCES && geteuid() != 0)
        return reason_set(reason, r, "the store %s is root's alone", path);
    if (r == 0)
        *ret = store;
    return r;
}

int store_client_has(const StoreClient *store, const CredentialName *name, Reason *reason,
                     bool *ret)
{
    _cleanup_(bytes_done) Bytes file = {0};
    _cleanup_(freep) StoreEntry *entries = NULL;
    size_t count;
    int r = store_read(store->store, name, reason, &file);

    if (r < 0)
        return r;
    *ret = r != OUTCOME_NOT_FOUND;
    /* an unsafe file can be replaced, but not what is in place of the machine's directory */
    return r == OUTCOME_STORE_UNSAFE
               ? store_list(store->store, name->machine, reason, &entries, &count)
               : 0;
}

int store_client_writable(const StoreClient *store, Reason *reason)
{
    _cleanup_(client_freep) Client *client = NULL;

    if ((store->control && client_new(store->control, NULL, &client) == 0) ||
        access(store->path, W_OK) == 0)
        return 0;
    return reason_set(reason, -errno, "cannot write to the store %s", store->path);
}

/* --- without the broker --- */

typedef struct Audit {
    const Store *store;
    AuditSink *sink;
    uint64_t begun; /* CLOCK_MONOTONIC, µs */
} Audit;

static void write_entry(void *userdata, const CredentialName *name, bool removed,
                        const StoreOrigin *origin)
{
    const Audit *audit = userdata;
    _cleanup_(bytes_done) Bytes file = {0};
    TpmKeyLabel key = {0};

    if (!removed && store_read(audit->store, name, NULL, &file) == 0)
        key = credential_key_label(bytes_view(&file));
    audit_write(audit->sink, &(AuditRecord){
                                 .verdict = audit_verdict_of_change(origin->verb, removed),
                                 .machine = name->machine,
                                 .id = name->id,
                                 .peer_pid = origin->pid,
                                 .peer_uid = origin->uid,
                                 .key = key.fingerprint,
                                 .sealed_outside = key.outside,
                                 .usec = monotonic_usec() - audit->begun,
                             });
}

AuditSink *audited_commit_journal(void)
{
    return access(AUDIT_JOURNAL_PATH, W_OK) == 0 ? audit_journal(AUDIT_JOURNAL_PATH) : NULL;
}

int audited_commit(const Store *store, const StoreCommit *commit, AuditSink *sink, Reason *reason)
{
    Audit audit = {.store = store, .sink = sink, .begun = monotonic_usec()};
    StoreCommit audited = *commit;
    int r;

    audited.applied = sink ? write_entry : NULL;
    audited.userdata = &audit;
    r = store_commit(store, &audited, reason);
    if (sink && sink->attach)
        sink->attach(sink, NULL); /* what the journal has not taken yet */
    return r;
}

/* --- through the broker --- */

/* The new files and histories, one after the other, in memory that nobody can change any more. */
static int make_data(const StoreCommit *commit, Reason *reason, int *ret_fd)
{
    _cleanup_(closep) int fd = memfd_create("commit", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    int r = fd < 0 ? -errno : 0;

    for (size_t i = 0; r == 0 && i < commit->count; i++) {
        r = file_write_fd(fd, commit->changes[i].sealed);
        if (r == 0)
            r = file_write_fd(fd, commit->changes[i].history);
    }
    if (r == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK) < 0)
        r = -errno;
    if (r != 0)
        return reason_set(reason, r, "cannot pass files to the broker");
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* A StoreChange of the interface, whose file and history are in the data at OFFSET (NULL: the file
 * is in the message, and there is no history). */
static struct json_object *change_to_json(const StoreChange *change, const size_t *offset)
{
    static const char *const preconditions[] = {
        [STORE_ANY] = "any", [STORE_ABSENT] = "absent", [STORE_DIGEST] = "digest"};
    struct json_object *object = json_object_new_object();

    json_add_text(object, "machine", change->name.machine);
    json_add_text(object, "credential", change->name.id);
    json_add(object, "remove", json_object_new_boolean(change->remove));
    json_add(object, "keepPublic", json_object_new_boolean(change->keep_public));
    json_add_text(object, "precondition", preconditions[change->precondition]);
    if (change->precondition == STORE_DIGEST)
        json_add_text(object, "digest", change->digest);
    json_add_view(object, "public", change->public);
    if (!offset) {
        json_add_view(object, "sealed", change->sealed);
    } else if (change->sealed.size > 0) {
        json_add_number(object, "offset", *offset);
        json_add_number(object, "size", change->sealed.size);
    }
    if (change->keep_old)
        json_add_text(object, "history", "keep");
    if (change->settle)
        json_add_text(object, "history", "settle");
    if (offset && change->history.size > 0) {
        json_add_text(object, "history", "replace");
        json_add_number(object, "historyOffset", *offset + change->sealed.size);
        json_add_number(object, "historySize", change->history.size);
    }
    return object;
}

struct json_object *commit_to_json(const StoreCommit *commit, bool in_data)
{
    struct json_object *parameters = json_object_new_object();
    struct json_object *changes = json_object_new_array();
    size_t offset = 0;

    for (size_t i = 0; i < commit->count; i++) {
        json_append(changes, change_to_json(&commit->changes[i], in_data ? &offset : NULL));
        offset += commit->changes[i].sealed.size + commit->changes[i].history.size;
    }
    json_add_text(parameters, "verb", commit->origin.verb);
    json_add(parameters, "changes", changes);
    return parameters;
}

/* --- a lost reply --- */

/* The changes for another attempt, after the reply of the first was lost. */
typedef struct Retry {
    StoreChange *changes;
    char (*digests)[DIGEST_TEXT_BYTES];
} Retry;

static void retry_done(Retry *retry)
{
    free(retry->changes);
    free(retry->digests);
}

/* Makes sure that nothing is replaced but what is there before the first attempt: if that turns out
 * to have succeeded, the retry must change nothing, and leave no second audit entry. */
static int retry_new(const Store *store, const StoreCommit *commit, Reason *reason, Retry *ret)
{
    _cleanup_(retry_done) Retry retry = {
        .changes = calloc(commit->count + 1, sizeof(retry.changes[0])),
        .digests = calloc(commit->count + 1, sizeof(retry.digests[0])),
    };

    if (!retry.changes || !retry.digests) {
        reason_set(reason, -ENOMEM, "cannot change the store");
        return -ENOMEM;
    }
    for (size_t i = 0; i < commit->count; i++) {
        _cleanup_(bytes_done) Bytes file = {0};
        StoreChange *change = &retry.changes[i];
        int r;

        *change = commit->changes[i];
        if (change->precondition != STORE_ANY)
            continue;
        r = store_read(store, &change->name, NULL, &file);
        if (r == OUTCOME_NOT_FOUND) {
            change->precondition = STORE_ABSENT;
        } else if (r == 0) {
            change->precondition = STORE_DIGEST;
            change->digest = retry.digests[i];
            digest_format(bytes_view(&file), retry.digests[i]);
        }
    }
    *ret = TAKE(retry);
    return 0;
}

/* Whether the store is as COMMIT was to leave it. A file that was sealed for this commit cannot
 * have been there before. */
static bool is_done(const StoreClient *store, const StoreCommit *commit)
{
    for (size_t i = 0; i < commit->count; i++) {
        _cleanup_(bytes_done) Bytes sealed = {0}, public = {0};
        const StoreChange *change = &commit->changes[i];
        int r = store_read_pair(store->store, &change->name, NULL, &sealed, &public);

        if (change->remove) {
            if (r != OUTCOME_NOT_FOUND)
                return false;
        } else if (r != 0 ||
                   (change->sealed.size > 0 &&
                    !bytes_view_equal(bytes_view(&sealed), change->sealed)) ||
                   (!change->keep_public && !bytes_view_equal(bytes_view(&public), change->public)))
            return false;
    }
    return true;
}

/* A broker that was started before the configuration was changed would put files into another
 * store: OUTCOME_NOT_STORED. */
static int check_store(const StoreClient *store, Client *client, Reason *reason)
{
    _cleanup_(json_object_putp) struct json_object *status = NULL;
    const char *used;
    int r = client_call(client, "Status", NULL, store->observer, reason, &status);

    if (r != 0)
        return r;
    used = varlink_text(status, "store");
    if (used && strcmp(used, store->path) == 0)
        return 0;
    observer_note(
        store->observer,
        "The broker still uses another store than %s, in which this is stored. To have it "
        "read the configuration: systemctl daemon-reload && systemctl restart "
        "nspawn-creds-broker.service",
        store->path);
    return OUTCOME_NOT_STORED;
}

/* Calls the broker. OUTCOME_BROKER_UNREACHABLE if there is none for this store, or it does not
 * reply; RET_SENT says whether it may have received the call. */
static int call_broker(const StoreClient *store, const StoreCommit *commit, Reason *reason,
                       bool *ret_sent)
{
    _cleanup_(json_object_putp) struct json_object *parameters = NULL, *reply = NULL;
    _cleanup_(client_freep) Client *client = NULL;
    _cleanup_(closep) int data = -1;
    int r = client_new(store->control, reason, &client);

    *ret_sent = r == 0;
    if (r == 0)
        r = check_store(store, client, reason);
    if (r == OUTCOME_NOT_STORED) {
        *ret_sent = false;
        return OUTCOME_BROKER_UNREACHABLE;
    }
    if (r == 0)
        r = make_data(commit, reason, &data);
    if (r != 0)
        return r;
    parameters = commit_to_json(commit, true);
    return parameters
               ? client_commit(client, TAKE_PTR(parameters), data, store->observer, reason, &reply)
               : reason_set(reason, -ENOMEM, "cannot call the broker");
}

int store_client_commit(StoreClient *store, const StoreChange *changes, size_t count,
                        const char *verb, Reason *reason)
{
    RollbackScope scope = {.store = store->path};
    StoreCommit commit = {.changes = changes,
                          .count = count,
                          .origin = {verb, getuid(), getpid()},
                          .history = store->history,
                          .rollback = store->control ? &scope : NULL};
    _cleanup_(retry_done) Retry again = {0};
    StoreCommit retry = commit;
    const StoreCommit *attempt = &commit;
    int r;

    if (!store->control)
        return audited_commit(store->store, &commit, store->audit, reason);
    r = retry_new(store->store, &commit, reason, &again);
    if (r != 0)
        return r;
    retry.changes = again.changes;
    /* once more if the reply is lost: the broker may have ended, such as for the host key that
     * sealing has made, and the next one is asked */
    for (unsigned i = 0; i < 2; i++) {
        bool sent = false;

        r = call_broker(store, attempt, reason, &sent);
        if (r != OUTCOME_BROKER_UNREACHABLE || !sent)
            break;
        if (is_done(store, &commit))
            return 0;
        attempt = &retry;
    }
    if (r == OUTCOME_BROKER_UNREACHABLE)
        r = audited_commit(store->store, attempt, store->audit, reason);
    /* a retry may have found what the first attempt left */
    if (attempt == &retry &&
        (r == OUTCOME_CHANGED || r == OUTCOME_EXISTS || r == OUTCOME_NOT_FOUND) &&
        is_done(store, &commit))
        r = 0;
    return r;
}

/* --- reading --- */

void store_client_entry_done(StoreClientEntry *entry)
{
    bytes_done(&entry->file);
    bytes_done(&entry->raw);
    *entry = (StoreClientEntry){0};
}

int store_client_read(const StoreClient *store, const CredentialName *name, Reason *reason,
                      StoreClientEntry *ret)
{
    return store_client_read_delivered(store, NULL, name, reason, ret, NULL);
}

int store_client_read_delivered(const StoreClient *store, const char *fleet,
                                const CredentialName *name, Reason *reason, StoreClientEntry *ret,
                                FleetOrigin *ret_origin)
{
    _cleanup_(store_client_entry_done) StoreClientEntry entry = {.name = *name};
    _cleanup_(fleet_set_done) FleetSet set = {0};
    int r = fleet && *fleet ? fleet_read(store->path, fleet, name, &set, reason, &entry.file)
                            : store_read(store->store, name, reason, &entry.file);

    if (r == 0 && ret_origin)
        *ret_origin = fleet_set_origin(&set);
    if (r == 0)
        r = credential_unpack(bytes_view(&entry.file), reason, &entry.raw, &entry.sections);
    if (r == 0)
        *ret = TAKE(entry);
    return r;
}

static bool take_predecessor(const Store *store, StoreClientEntry *entry)
{
    _cleanup_(store_client_entry_done) StoreClientEntry old = {0};

    if (!store || store_read_predecessor(store, &entry->name, NULL, NULL, &old.file) != 0 ||
        credential_unpack(bytes_view(&old.file), NULL, &old.raw, &old.sections) != 0)
        return false;
    bytes_done(&entry->raw);
    entry->raw = TAKE(old.raw);
    entry->sections = old.sections;
    return true;
}

int store_client_entry_open(const Store *store, Unsealer *unsealer, StoreClientEntry *entry,
                            Reason *reason, CredentialMetadata *ret_metadata, Secret **ret)
{
    char name[CREDENTIAL_NAME_TEXT_BYTES];
    int r;

    credential_name_format(&entry->name, name);
    r = unsealer_open(unsealer, &entry->sections, name, reason, ret_metadata, ret);
    if (r == OUTCOME_TPM_PCR_MISMATCH && take_predecessor(store, entry))
        r = unsealer_open(unsealer, &entry->sections, name, reason, ret_metadata, ret);
    return r;
}

/* --- whether it opens --- */

void open_check_entry(const Store *store, Unsealer *unsealer, StoreClientEntry *entry,
                      OpenCheck *ret)
{
    _cleanup_(secret_freep) Secret *plaintext = NULL;
    uint64_t now = unsealer->context->now(unsealer->context);
    char length[TIMESTAMP_LENGTH_BYTES];
    OpenCheck check = {0};

    check.rc =
        store_client_entry_open(store, unsealer, entry, &check.reason, &check.metadata, &plaintext);
    if (check.rc == 0) {
        check.size = secret_size(plaintext);
        if (check.metadata.not_after < now) {
            timestamp_format_length(now - check.metadata.not_after, length);
            check.rc = reason_set(&check.reason, OUTCOME_EXPIRED, "it expired %s ago", length);
        }
    }
    *ret = check;
}

void open_check_format_expiry(uint64_t then, uint64_t now, char text[OPEN_CHECK_EXPIRY_BYTES])
{
    char time[TIMESTAMP_TEXT_BYTES], length[TIMESTAMP_LENGTH_BYTES];

    if (then == USEC_INFINITY) {
        strcpy(text, "never");
        return;
    }
    timestamp_format(then, time);
    timestamp_format_length(then < now ? now - then : then - now, length);
    snprintf(text, OPEN_CHECK_EXPIRY_BYTES, "%s, %s%s%s", time, then < now ? "" : "in ", length,
             then < now ? " ago" : "");
}
