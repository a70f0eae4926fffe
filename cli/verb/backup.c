/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds backup: sealed files, policies and the configuration in one file.
 *
 * A damaged file must not keep the others from being saved: it is reported and skipped, and the
 * verb fails at the end.
 */

#include "client/backup.h"
#include "base/array.h"
#include "base/json.h"
#include "hint.h"
#include "key/host_key.h"
#include "policy/policy_load.h"
#include "specs.h"
#include "terminal/output.h"
#include "verb/policy_files.h"
#include "verb/verb.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

typedef struct BackingUp {
    char **machines; /* those that were named */
    StoreClient store;
    struct json_object *backup;
    size_t credentials, with_host_key, with_tpm, files;
    int rc; /* the first failure */
} BackingUp;

static void backing_up_done(BackingUp *backing_up)
{
    store_client_done(&backing_up->store);
    json_object_put(backing_up->backup);
}

static void left_out(BackingUp *backing_up, int rc, const char *what, const Reason *reason)
{
    output_error(rc, what, reason);
    if (backing_up->rc == 0)
        backing_up->rc = rc;
}

/* --- the store --- */

static int add_credential(BackingUp *backing_up, const CredentialName *name, Reason *reason)
{
    _cleanup_(store_client_entry_done) StoreClientEntry entry = {.name = *name};
    _cleanup_(bytes_done) Bytes public = {0};
    int r = store_read_pair(backing_up->store.store, name, reason, &entry.file, &public);

    if (r == 0)
        r = credential_unpack(bytes_view(&entry.file), reason, &entry.raw, &entry.sections);
    if (r == 0)
        r = backup_check_entry(&entry, reason);
    if (r != 0)
        return r;
    backup_add_credential(backing_up->backup, &entry, bytes_view(&public));
    backing_up->credentials++;
    backing_up->with_host_key += kind_has(entry.sections.kind, KIND_HOST);
    backing_up->with_tpm += kind_has(entry.sections.kind, KIND_TPM);
    return 0;
}

static int add_machine(BackingUp *backing_up, const char *machine, Reason *reason)
{
    _cleanup_(freep) StoreEntry *entries = NULL;
    size_t count;
    int r = spec_list_machine(backing_up->store.store, machine, reason, &entries, &count);

    if (r != 0)
        return r;
    for (size_t i = 0; i < count; i++) {
        char name[CREDENTIAL_NAME_TEXT_BYTES];
        Reason why = {0};

        r = add_credential(backing_up, &entries[i].name, &why);
        credential_name_format(&entries[i].name, name);
        if (r != 0 && r != OUTCOME_NOT_FOUND) /* removed meanwhile */
            left_out(backing_up, r, name, &why);
    }
    return 0;
}

static int add_store(BackingUp *backing_up, Reason *reason)
{
    _cleanup_(strings_freep) char **machines = NULL;
    int r = store_machines(backing_up->store.store, reason, &machines);

    for (char **machine = machines; r == 0 && *machine; machine++) {
        Reason why = {0};
        int rc = spec_selects(backing_up->machines, *machine)
                     ? add_machine(backing_up, *machine, &why)
                     : 0;

        if (rc != 0)
            left_out(backing_up, rc, *machine, &why);
    }
    return r;
}

/* --- policies and the configuration --- */

static int add_file(BackingUp *backing_up, const char *path, Reason *reason)
{
    const char *name = path + strlen(POLICY_FOLDER "/");
    _cleanup_(bytes_done) Bytes content = {0};
    char machine[LIMIT_MACHINE_BYTES + 1];
    PolicyFault fault = {0};
    int r = policy_file_read(path, &fault, &content);

    if (r != 0)
        return policy_fault_reason(&fault, r, reason);
    r = backup_check_file(name, bytes_view(&content), reason, machine);
    if (r != 0)
        return r > 0 ? OUTCOME_BAD_POLICY : r;
    if (!spec_selects(backing_up->machines, machine))
        return 0;
    backup_add_file(backing_up->backup, name, bytes_view(&content));
    backing_up->files++;
    return 0;
}

static void add_or_leave_out(BackingUp *backing_up, const char *path)
{
    Reason reason = {0};
    int r = add_file(backing_up, path, &reason);

    if (r != 0)
        left_out(backing_up, r, path, &reason);
}

static int add_files(BackingUp *backing_up)
{
    static const char config[] = POLICY_FOLDER "/" BACKUP_CONFIG_NAME;
    _cleanup_(strings_freep) char **files = NULL;
    Reason reason = {0};
    int r = policy_files_list(NULL, &reason, &files);

    if (r == -ENOMEM)
        return r;
    if (r != 0)
        left_out(backing_up, r, POLICY_FOLDER, &reason);
    if (access(config, F_OK) == 0 || errno != ENOENT)
        add_or_leave_out(backing_up, config);
    for (char **file = files; file && *file; file++)
        add_or_leave_out(backing_up, *file);
    return 0;
}

/* --- all --- */

/* Says what is needed to open the backup later. */
static void report(const BackingUp *backing_up)
{
    output_note("%zu credential%s and %zu file%s of " POLICY_FOLDER ".", backing_up->credentials,
                plural(backing_up->credentials), backing_up->files, plural(backing_up->files));
    if (backing_up->with_host_key > 0)
        output_note("%zu %s this host's key. Save it elsewhere, too: " HOST_KEY_PATH
                    " and /etc/machine-id",
                    backing_up->with_host_key, backing_up->with_host_key == 1 ? "needs" : "need");
    if (backing_up->with_tpm > 0)
        output_note(
            "%zu %s this host's TPM, which cannot be saved. Values that only the TPM opens are "
            "lost without it: keep them elsewhere, too.",
            backing_up->with_tpm, backing_up->with_tpm == 1 ? "needs" : "need");
}

static void report_json(const BackingUp *backing_up, const char *output, JsonMode mode)
{
    struct json_object *object = json_object_new_object();

    json_add_text(object, "file", output);
    json_add_number(object, "credentials", backing_up->credentials);
    json_add_number(object, "files", backing_up->files);
    json_add_number(object, "needHostKey", backing_up->with_host_key);
    json_add_number(object, "needTpm", backing_up->with_tpm);
    output_json(object, mode);
}

static int run(const Context *context, const Options *options, char **arguments)
{
    const char *output = arguments[0];
    _cleanup_(backing_up_done) BackingUp backing_up = {.machines =
                                                           output ? arguments + 1 : arguments};
    _cleanup_(backup_done) Backup parsed = {0};
    _cleanup_(bytes_done) Bytes text = {0};
    char host[HOST_NAME_MAX + 1] = "";
    Reason reason = {0};
    int r = 0;

    (void)gethostname(host, sizeof(host) - 1);
    backing_up.backup = backup_new(host, context->now(context));
    for (char **machine = backing_up.machines; r == 0 && *machine; machine++) {
        Hint hint = hint_find(context, options, *machine);

        if (hint.text[0])
            r = reason_set(&reason, OUTCOME_USAGE,
                           "there is neither a credential nor a policy of \"%.64s\"%s", *machine,
                           hint.text);
    }
    if (r == 0)
        r = spec_open_store(options, &reason, &backing_up.store);
    if (r == 0)
        r = add_store(&backing_up, &reason);
    if (r == 0 && !options->store)
        r = add_files(&backing_up);
    if (r == 0)
        r = backup_print(backing_up.backup, &reason, &text);
    /* what restore would refuse is no backup */
    if (r == 0)
        r = backup_parse(bytes_view(&text), &reason, &parsed);
    if (r == 0)
        r = backup_check_machines(&parsed, backing_up.machines, &reason);
    if (r == 0)
        r = output_sealed(output, bytes_view(&text), &reason);
    if (r != 0)
        return output_error(r, NULL, &reason);
    /* to standard output, the backup is the JSON */
    if (options->json != JSON_OFF && !output_is_stdout(output))
        report_json(&backing_up, output, options->json);
    else
        report(&backing_up);
    if (backing_up.rc != 0)
        output_note("The backup is not complete.");
    return backing_up.rc;
}

const Verb verb_backup = {
    .name = "backup",
    .arguments = "[FILE [MACHINE...]]",
    .summary = "Save sealed credentials, policies and the configuration as one file",
    .details = "Writes to FILE or to standard output. The file contains no secret in clear and no "
               "key, and opens\nonly with this host's key or TPM; the command says how many "
               "credentials need which. With MACHINE\nit saves these machines only, with --store= "
               "the store only.",
    .options = OPTION_STORE | OPTION_JSON,
    .run = run,
};
