/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds restore: puts back what nspawn-creds backup saved.
 *
 *     plan() ──► store_client_commit() ──► write_files()
 *                credentials: all or none  policies, for machines that have none
 *
 * No value is lost here. What differs is kept, unless --replace is given, and even then if the
 * backup's value does not open on this host.
 */

#include "base/array.h"
#include "base/base64.h"
#include "base/fsutil.h"
#include "client/backup.h"
#include "key/host_key.h"
#include "manager/manager.h"
#include "specs.h"
#include "terminal/fields.h"
#include "terminal/input.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "verb/policy_files.h"
#include "verb/verb.h"

#include <errno.h>
#include <string.h>

/* POLICY_FOLDER, and the longest name of a file in a backup. */
#define PATH_BYTES ((size_t)512)

/* The result of restoring a credential or a file. */
#define RESTORED   "restored"
#define REPLACED   "replaced"
#define UNCHANGED  "unchanged" /* it is here as in the backup */
#define KEPT       "kept"      /* this host's differs, and stays */

/* Those that do not open here for one reason. */
typedef struct Failure {
    const StoreClientEntry *first;
    size_t count;
    int rc;
    Reason reason; /* of the first */
} Failure;

typedef struct Restoring {
    const Options *options;
    char **machines; /* those that were named */
    Backup backup;
    StoreClient store;
    StoreChange *changes;
    char (*digests)[DIGEST_TEXT_BYTES]; /* of what is replaced */
    size_t change_count;
    const BackupFile **added; /* files */
    size_t added_count;
    struct json_object *credentials, *files; /* what becomes of them */
    size_t kept, kept_files;
    Failure failures[_OUTCOME_MAX]; /* by outcome; 0 is a system error */
} Restoring;

static void restoring_done(Restoring *restoring)
{
    backup_done(&restoring->backup);
    store_client_done(&restoring->store);
    free(restoring->changes);
    free(restoring->digests);
    free(restoring->added);
    json_object_put(restoring->credentials);
    json_object_put(restoring->files);
}

/* --- credentials --- */

static void add_failure(Restoring *restoring, const StoreClientEntry *entry, const OpenCheck *check)
{
    Failure *failure = &restoring->failures[check->rc > 0 ? check->rc : 0];

    if (failure->count++ > 0)
        return;
    failure->first = entry;
    failure->rc = check->rc;
    failure->reason = check->reason;
}

/* FILE is what the store has instead, with the outcome RC of reading it. */
static void add_change(Restoring *restoring, const BackupCredential *credential, int rc,
                       const Bytes *file)
{
    char *digest = restoring->digests[restoring->change_count];
    StoreChange change = {.name = credential->entry.name,
                          .sealed = bytes_view(&credential->entry.file),
                          .keep_old = true,
                          .precondition = rc == OUTCOME_NOT_FOUND ? STORE_ABSENT
                                          : rc == 0               ? STORE_DIGEST
                                                                  : STORE_ANY,
                          .digest = digest};

    if (credential->public)
        change.public = text_view(credential->public);
    if (rc == 0)
        digest_format(bytes_view(file), digest);
    restoring->changes[restoring->change_count++] = change;
}

static int plan_credential(Restoring *restoring, Unsealer *unsealer, BackupCredential *credential,
                           Reason *reason)
{
    StoreClientEntry *entry = &credential->entry;
    struct json_object *object = json_object_new_object();
    _cleanup_(bytes_done) Bytes file = {0}, raw = {0};
    const char *result = RESTORED;
    OpenCheck check = {0};
    int r = store_read(restoring->store.store, &entry->name, reason, &file);

    if (r < 0)
        return r;
    check.rc = spec_check_owner(unsealer->context, restoring->options, &entry->name, &check.reason);
    if (check.rc < 0)
        return check.rc;
    if (check.rc == 0)
        open_check_entry(NULL, unsealer, entry, &check);
    if (check.rc != 0)
        add_failure(restoring, entry, &check);
    if (check.rc == OUTCOME_OF_FLEET)
        result = KEPT;
    else if (r == 0 && credential_decode(bytes_view(&file), NULL, &raw) == 0 &&
             bytes_view_equal(bytes_view(&raw), bytes_view(&entry->raw)))
        result = UNCHANGED;
    else if (r != OUTCOME_NOT_FOUND) {
        bool replace = restoring->options->replace && open_check_knows_expiry(&check);

        result = replace ? REPLACED : KEPT;
        restoring->kept += !replace;
    }
    if (strcmp(result, RESTORED) == 0 || strcmp(result, REPLACED) == 0)
        add_change(restoring, credential, r, &file);
    json_add_text(object, "machine", entry->name.machine);
    json_add_text(object, "credential", entry->name.id);
    json_add_text(object, "result", result);
    json_add_text(object, "outcome", outcome_name(check.rc));
    json_add_text(object, "reason", check.reason.text[0] ? check.reason.text : NULL);
    json_append(restoring->credentials, object);
    return 0;
}

static int plan_credentials(const Context *context, Restoring *restoring, Reason *reason)
{
    _cleanup_(unsealer_done) Unsealer unsealer = spec_unsealer(context, restoring->options);
    const Backup *backup = &restoring->backup;
    int r = 0;

    unsealer.spec.now = USEC_INFINITY;
    restoring->changes = calloc(backup->credential_count + 1, sizeof(restoring->changes[0]));
    restoring->digests = calloc(backup->credential_count + 1, sizeof(restoring->digests[0]));
    if (!restoring->changes || !restoring->digests)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < backup->credential_count; i++) {
        BackupCredential *credential = &backup->credentials[i];

        progress_count(i + 1, backup->credential_count);
        if (spec_selects(restoring->machines, credential->entry.name.machine))
            r = plan_credential(restoring, &unsealer, credential, reason);
    }
    progress_count(0, 0);
    return r;
}

/* --- policies and the configuration --- */

static void format_path(const char *name, char path[PATH_BYTES])
{
    snprintf(path, PATH_BYTES, POLICY_FOLDER "/%s", name);
}

/* Whether this host has the configuration, or any file of the machine's policy: files of two
 * policies together are neither. */
static bool is_here(const BackupFile *file)
{
    _cleanup_(strings_freep) char **found = NULL;
    char path[PATH_BYTES];

    format_path(file->name, path);
    if (!file->machine[0])
        return access(path, F_OK) == 0;
    return policy_files_list(file->machine, NULL, &found) != 0 || found[0];
}

static int plan_file(Restoring *restoring, const BackupFile *file)
{
    struct json_object *object = json_object_new_object();
    _cleanup_(bytes_done) Bytes content = {0};
    const char *result = KEPT;
    char path[PATH_BYTES];

    format_path(file->name, path);
    if (!is_here(file)) {
        result = RESTORED;
        restoring->added[restoring->added_count++] = file;
    } else if (file_read(path, LIMIT_POLICY_BYTES, NULL, &content) == 0 &&
               bytes_view_equal(bytes_view(&content), text_view(file->content)))
        result = UNCHANGED;
    else
        restoring->kept_files++;
    json_add_text(object, "file", path);
    json_add_text(object, "result", result);
    return json_append(restoring->files, object) ? 0 : -ENOMEM;
}

static int plan_files(Restoring *restoring)
{
    const Backup *backup = &restoring->backup;
    int r = 0;

    restoring->added = calloc(backup->file_count + 1, sizeof(restoring->added[0]));
    if (!restoring->added)
        return -ENOMEM;
    /* another store's machines have their policies elsewhere */
    for (size_t i = 0; r == 0 && !restoring->options->store && i < backup->file_count; i++)
        if (spec_selects(restoring->machines, backup->files[i].machine))
            r = plan_file(restoring, &backup->files[i]);
    return r;
}

static int write_file(const BackupFile *file, Reason *reason)
{
    char path[PATH_BYTES];

    format_path(file->name, path);
    return policy_files_add(path, text_view(file->content), reason);
}

/* So that the generator makes the units of the machines ask for what is in the policies. */
static int write_files(const Restoring *restoring, Reason *reason)
{
    _cleanup_(manager_freep) Manager *manager = NULL;
    int r = 0;

    for (size_t i = 0; r == 0 && i < restoring->added_count; i++)
        r = write_file(restoring->added[i], reason);
    if (r != 0 || restoring->added_count == 0)
        return r;
    r = manager_new(&terminal_observer, reason, &manager);
    return r == 0 ? manager_reload(manager, reason) : r;
}

/* The backup's configuration, if it is to be restored, may say that the store is elsewhere: then
 * nothing else can be done with the one that this program and the broker have read. */
static int restore_config_first(Restoring *restoring, Reason *reason)
{
    const HostConfig *here = restoring->options->host;
    HostConfig config;
    int r = 0;

    for (size_t i = 0; r == 0 && i < restoring->added_count; i++) {
        const BackupFile *file = restoring->added[i];

        if (file->machine[0] ||
            host_config_parse(file->name, text_view(file->content), NULL, &config) != 0 ||
            (strcmp(config.store, here->store) == 0 &&
             strcmp(config.tpm_device, here->tpm_device) == 0))
            continue;
        if (!restoring->options->dry_run)
            r = write_file(file, reason);
        if (r == 0) {
            reason_set(reason, 0,
                       "the backup's " BACKUP_CONFIG_NAME
                       " names another store or TPM. It %s; then "
                       "restart the broker (systemctl try-restart nspawn-creds-broker.service), "
                       "and run this command again",
                       restoring->options->dry_run ? "would be restored first"
                                                   : "was restored; nothing else was");
            r = -ECANCELED;
        }
    }
    return r;
}

/* --- all --- */

static void print(const Restoring *restoring)
{
    const Options *options = restoring->options;
    const char *label = options->dry_run ? "WOULD BE" : "RESULT";
    const Field credentials[] = {{"MACHINE", "/machine", NULL},
                                 {"CREDENTIAL", "/credential", NULL},
                                 {label, "/result", NULL},
                                 {"OPENS HERE", "/outcome", NULL},
                                 {0}};
    const Field files[] = {{"FILE", "/file", NULL}, {label, "/result", NULL}, {0}};

    if (options->json != JSON_OFF) {
        struct json_object *object = json_object_new_object();

        json_add_text(object, "hostName", restoring->backup.host_name);
        json_add_number(object, "createdUSec", restoring->backup.created);
        json_add(object, "dryRun", json_object_new_boolean(options->dry_run));
        json_add(object, "credentials", json_object_get(restoring->credentials));
        json_add(object, "files", json_object_get(restoring->files));
        output_json(object, options->json);
        return;
    }
    if (json_length(restoring->credentials) > 0)
        fields_print_table(&(FieldTable){.fields = credentials, .legend = true},
                           restoring->credentials);
    if (json_length(restoring->files) > 0)
        fields_print_table(&(FieldTable){.fields = files, .legend = true}, restoring->files);
}

/* Explains what was not restored, and what was in vain. Returns the verb's outcome. */
static int report(const Restoring *restoring)
{
    const Options *options = restoring->options;
    int rc = restoring->kept > 0 ? OUTCOME_EXISTS : 0;
    bool sealed_elsewhere = false;

    if (restoring->kept > 0 && !options->replace)
        output_note("This host has other values of %zu credential%s, which were kept. --replace "
                    "replaces those whose backup opens here.",
                    restoring->kept, plural(restoring->kept));
    if (restoring->kept_files > 0)
        output_note("This host has another policy or configuration for %zu file%s, which %s kept.",
                    restoring->kept_files, plural(restoring->kept_files),
                    restoring->kept_files == 1 ? "was" : "were");
    for (size_t i = 0; i < _OUTCOME_MAX; i++) {
        const Failure *failure = &restoring->failures[i];
        char name[CREDENTIAL_NAME_TEXT_BYTES];

        if (failure->count == 0)
            continue;
        credential_name_format(&failure->first->name, name);
        rc = output_error_more(failure->rc, name, failure->count - 1, &failure->reason);
        sealed_elsewhere = sealed_elsewhere || rc != OUTCOME_EXPIRED;
    }
    if (sealed_elsewhere)
        output_note(
            "The backup was made on %s. Does it need that host's key? Restore " HOST_KEY_PATH
            " and /etc/machine-id first. What needs another TPM is lost.",
            restoring->backup.host_name);
    if (options->dry_run)
        output_note("Nothing was changed.");
    else if (restoring->added_count > 0)
        output_note("To see what else this host needs: nspawn-creds doctor");
    return rc;
}

static int read_backup(const char *path, Reason *reason, Backup *ret)
{
    _cleanup_(bytes_done) Bytes text = {0};
    int r = input_read_file(path, BACKUP_BYTES_MAX, reason, &text);

    if (r == OUTCOME_TOO_LARGE) /* the remedy for that is about secrets */
        return OUTCOME_BAD_BACKUP;
    return r == 0 ? backup_parse(bytes_view(&text), reason, ret) : r;
}

static int plan(const Context *context, Restoring *restoring, Reason *reason)
{
    int r = backup_check_machines(&restoring->backup, restoring->machines, reason);

    if (r == 0)
        r = plan_files(restoring);
    if (r == 0)
        r = restore_config_first(restoring, reason);
    if (r == 0)
        r = spec_open_store(restoring->options, reason, &restoring->store);
    return r == 0 ? plan_credentials(context, restoring, reason) : r;
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(restoring_done) Restoring restoring = {.options = options,
                                                     .machines = arguments + 1,
                                                     .credentials = json_object_new_array(),
                                                     .files = json_object_new_array()};
    Reason reason = {0};
    int r = read_backup(arguments[0], &reason, &restoring.backup);

    if (r != 0)
        return output_error(r, input_name(arguments[0]), &reason);
    r = plan(context, &restoring, &reason);
    if (r == 0 && !options->dry_run && restoring.change_count > 0)
        r = store_client_commit(&restoring.store, restoring.changes, restoring.change_count,
                                "restore", &reason);
    if (r == OUTCOME_TOO_LARGE)
        r = reason_set(&reason, OUTCOME_USAGE,
                       "this is more than can be restored at once; restore some machines at a "
                       "time: nspawn-creds restore FILE MACHINE");
    if (r != 0)
        return output_error(r, NULL, &reason);
    if (!options->dry_run)
        r = write_files(&restoring, &reason);
    if (r != 0) {
        output_error(r, NULL, &reason);
        output_note("The credentials are restored. For the rest, run this command again.");
        return r;
    }
    print(&restoring);
    return report(&restoring);
}

const Verb verb_restore = {
    .name = "restore",
    .arguments = "FILE [MACHINE...]",
    .summary = "Put back what backup has saved",
    .details =
        "Restores credentials that the store does not have, all at once or none, then policies of "
        "machines\nthat have none in /etc/nspawn-creds, and the configuration if there is none. "
        "Tells which credentials\ndo not open on this host; these are restored as well. Other "
        "values of this host are kept; --replace\nreplaces those whose backup opens here. With "
        "MACHINE only what belongs to these machines is\nrestored. With --store= only credentials "
        "are.",
    .options = OPTION_REPLACE | OPTION_DRY_RUN | OPTION_JSON | OPTION_STORE | OPTION_TPM_DEVICE |
               OPTION_SIGNATURE,
    .run = run,
};
