/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds import: stores each value of a dotenv file as a credential, all or none.
 *
 * The file stays in one Secret, in which it is parsed. One value at a time is copied, to another
 * Secret, to be sealed.
 */

#include "base/array.h"
#include "base/dotenv.h"
#include "base/json.h"
#include "policy/policy.h"
#include "seal/seal_keys.h"
#include "specs.h"
#include "terminal/input.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "unit_size.h"
#include "verb/verb.h"

#include <errno.h>
#include <string.h>

typedef struct Import {
    const Context *context;
    const Options *options;
    SealSpec spec;
    StoreClient store;
    DotenvEntry *entries;
    StoreChange *changes; /* one for each entry; owns .sealed */
    size_t count;
    SealKeys keys; /* of the credential before, if .keys.kind is set */
    SealSpec keys_spec;
} Import;

static void import_done(Import *import)
{
    for (size_t i = 0; i < import->count; i++)
        free((void *)import->changes[i].sealed.data);
    free(import->changes);
    free(import->entries);
    seal_keys_done(&import->keys);
    store_client_done(&import->store);
}

/* Checks the name of ENTRY, and adds it. */
static int add(Import *import, const char *machine, const DotenvEntry *entry, Reason *reason)
{
    StoreChange change = {.precondition = STORE_ABSENT};
    bool exists = false;
    int r = credential_name_new(machine, entry->name, reason, &change.name);

    for (size_t i = 0; r == 0 && i < import->count; i++)
        if (strcmp(import->entries[i].name, entry->name) == 0)
            r = reason_set(reason, OUTCOME_USAGE, "lines %zu and %zu both set %s",
                           import->entries[i].line, entry->line, entry->name);
    if (r == 0)
        r = policy_id_check(entry->name, reason);
    if (r == 0)
        r = store_client_has(&import->store, &change.name, reason, &exists);
    if (r == 0 && exists)
        r = reason_set(reason, OUTCOME_USAGE,
                       "line %zu: %s@%s already exists; nothing was stored. Give it a new value: "
                       "nspawn-creds rotate %s@%s",
                       entry->line, machine, entry->name, machine, entry->name);
    if (r == 0 && import->count == STORE_COMMIT_CHANGES_MAX)
        r = reason_set(reason, OUTCOME_TOO_LARGE, "there are more than %zu values",
                       STORE_COMMIT_CHANGES_MAX);
    if (r == 0 && (!ARRAY_GROW(import->entries, import->count) ||
                   !ARRAY_GROW(import->changes, import->count)))
        r = -ENOMEM;
    if (r != 0)
        return r;
    import->entries[import->count] = *entry;
    import->changes[import->count++] = change;
    return 0;
}

static int parse(Import *import, const char *machine, Secret *file, Reason *reason)
{
    uint8_t *text = secret_borrow(file);
    Dotenv dotenv = {text, text + secret_size(file), 1};
    DotenvEntry entry;
    int r;

    do {
        r = dotenv_next(&dotenv, reason, &entry);
        if (r == 0 && entry.name)
            r = add(import, machine, &entry, reason);
    } while (r == 0 && entry.name);
    if (r == 0 && import->count == 0)
        r = reason_set(reason, OUTCOME_USAGE, "it contains no values");
    return r;
}

/* The keys are those of the credential before, unless a policy requires other ones. */
static int seal(Import *import, size_t i, const char *name, Reason *reason)
{
    StoreChange *change = &import->changes[i];
    _cleanup_(secret_freep) Secret *value = NULL;
    _cleanup_(bytes_done) Bytes sealed = {0};
    SealSpec spec = import->spec;
    SealContext context = {import->context, &spec, &terminal_observer};
    int r;

    spec.name = name;
    spec.share_store = import->store.store;
    r = spec_keep_key_type(import->context, &change->name, reason, &spec);
    if (r == 0)
        r = secret_new_from(import->entries[i].value, reason, &value);
    if (r == 0)
        r = unit_size_check_value(change->name.id, value, reason);
    if (r == 0 && (!import->keys.kind || import->keys_spec.keys != spec.keys ||
                   import->keys_spec.key_types != spec.key_types)) {
        seal_keys_done(&import->keys);
        import->keys = (SealKeys){0};
        r = seal_prepare(&context, NULL, reason, &import->keys);
        import->keys_spec = spec;
    }
    if (r == 0)
        r = seal_value(&context, &import->keys, value, reason, &sealed);
    if (r != 0)
        return r;
    change->sealed = bytes_view(&sealed);
    sealed = (Bytes){0}; /* import_done() frees it */
    return 0;
}

static void report(const Import *import, const char *machine)
{
    struct json_object *object, *list;

    if (import->options->json == JSON_OFF) {
        output_note("%zu credential%s of %s stored. To see what %s receives: nspawn-creds check %s",
                    import->count, import->count == 1 ? "" : "s", machine, machine, machine);
        return;
    }
    object = json_object_new_object();
    list = json_object_new_array();
    for (size_t i = 0; i < import->count; i++)
        json_append(list, json_object_new_string(import->entries[i].name));
    json_add_text(object, "machine", machine);
    json_add(object, "imported", list);
    output_json(object, import->options->json);
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(import_done) Import import = {.context = context, .options = options};
    _cleanup_(secret_freep) Secret *file = NULL;
    const char *machine = arguments[0], *source = input_name(arguments[1]);
    char name[CREDENTIAL_NAME_TEXT_BYTES];
    Reason reason = {0};
    int r = 0;

    if (options->key_types == 0)
        r = reason_set(&reason, OUTCOME_USAGE,
                       "the null key protects nothing, and the broker does not serve it");
    if (r == 0)
        r = spec_to_seal(context, options, &reason, &import.spec);
    if (r == 0)
        r = spec_open_store(options, &reason, &import.store);
    if (r == 0)
        r = store_client_writable(&import.store, &reason);
    if (r != 0)
        return output_error(r, machine, &reason);
    r = input_read_secret(arguments[1], NULL, &reason, &file);
    if (r == 0)
        r = parse(&import, machine, file, &reason);
    if (r != 0)
        return output_error(r, source, &reason);
    for (size_t i = 0; i < import.count; i++) {
        credential_name_format(&import.changes[i].name, name);
        r = seal(&import, i, name, &reason);
        if (r != 0)
            return output_error(r, name, &reason);
    }
    r = store_client_commit(&import.store, import.changes, import.count, "import", &reason);
    if (r != 0)
        return output_error(r, machine, &reason);
    report(&import, machine);
    return 0;
}

const Verb verb_import = {
    .name = "import",
    .arguments = "MACHINE FILE",
    .summary = "Store each value of a dotenv file as a machine's credential",
    .details = "NAME=VALUE in FILE becomes MACHINE@NAME. All are stored, or none: a name that "
               "exists already, or a\nvalue that programs read differently, is refused with its "
               "line. FILE is \"-\" for standard input.",
    .options = OPTION_STORE | OPTION_WITH_KEY | OPTION_TPM_DEVICE | OPTION_JSON,
    .run = run,
};
