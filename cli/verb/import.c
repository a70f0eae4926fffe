/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds import: stores the secrets in another program's file as credentials, all or none.
 *
 *     import_file_read() ──► parse() ──► check() ──► seal() ──► store_client_commit()
 *     opens what is encrypted
 *
 * The text stays in one Secret, in which it is parsed. One value at a time is copied, to another
 * Secret, to be sealed.
 */

#include "base/array.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/shell_word.h"
#include "policy/policy_load.h"
#include "seal/seal_keys.h"
#include "specs.h"
#include "terminal/input.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "unit_size.h"
#include "verb/import_file.h"
#include "verb/stored.h"
#include "verb/verb.h"

#include <errno.h>
#include <string.h>

/* The result of importing one value. */
typedef enum ItemResult { ITEM_STORED, ITEM_REPLACED, ITEM_UNCHANGED } ItemResult;

static const char *const result_words[] = {"stored", "replaced", "unchanged"};

typedef struct Item {
    ValueEntry entry; /* borrows from Import.file */
    CredentialName name;
    ItemResult result;
    Bytes old; /* the file to replace */
    char digest[DIGEST_TEXT_BYTES];
} Item;

typedef struct Import {
    const Context *context;
    const Options *options;
    SealSpec spec;
    StoreClient store;
    ImportFile file;
    Item *items;
    size_t count;
    StoreChange *changes; /* owns .sealed */
    size_t change_count;
    SealKeys keys; /* of the new credential before, if .keys.kind is set */
    SealSpec keys_spec;
} Import;

static void import_done(Import *import)
{
    for (size_t i = 0; i < import->count; i++)
        bytes_done(&import->items[i].old);
    for (size_t i = 0; i < import->change_count; i++)
        free((void *)import->changes[i].sealed.data);
    free(import->items);
    free(import->changes);
    seal_keys_done(&import->keys);
    store_client_done(&import->store);
    import_file_done(&import->file);
}

/* --- what the file contains --- */

static int add(Import *import, const ValueEntry *entry, Reason *reason)
{
    if (import->count == LIMIT_COMMIT_CHANGES)
        return reason_set(reason, OUTCOME_TOO_LARGE, "there are more than %zu values",
                          LIMIT_COMMIT_CHANGES);
    return ARRAY_ADD(import->items, import->count, (Item){.entry = *entry}) ? 0 : -ENOMEM;
}

static int parse(Import *import, Reason *reason)
{
    ValueEntry entry;
    int r;

    do {
        r = import_file_next(&import->file, reason, &entry);
        if (r == 0 && entry.name)
            r = add(import, &entry, reason);
    } while (r == 0 && entry.name);
    if (r == 0 && import->count == 0)
        r = reason_set(reason, OUTCOME_USAGE, "it contains no values");
    return r;
}

/* A file of systemd-creds is for the id that it is sealed as, ID or MACHINE@ID, or for the id that
 * was given. If these differ, another file may have been put in its place, so this asks. */
static int take_sealed_name(Import *import, const char *machine, const char **id, Reason *reason)
{
    const CredentialMetadata *metadata = &import->file.metadata;
    const char *sealed = metadata->name, *at = strchr(sealed, '@');
    bool is_ours = at && strlen(machine) == (size_t)(at - sealed) &&
                   strncmp(sealed, machine, strlen(machine)) == 0;
    const char *sealed_id = is_ours ? at + 1 : sealed;

    import->spec.has_not_after = metadata->not_after != USEC_INFINITY;
    import->spec.not_after = metadata->not_after;
    if (!*id)
        *id = is_ours || (sealed[0] && !at) ? sealed_id : import->file.name;
    if (strcmp(*id, sealed_id) == 0)
        return 0;
    return confirm(import->options, reason,
                   "The file is sealed as \"%s\". Store its value as %s@%s?", sealed, machine, *id);
}

/* ID is NULL if none was given. */
static int name_value(Import *import, const char *machine, const char *id, Reason *reason)
{
    ImportFile *file = &import->file;
    int r = 0;

    if (id && !file->is_one)
        return reason_set(reason, OUTCOME_USAGE,
                          "the values of %s have names; import all of them: nspawn-creds import %s "
                          "FILE",
                          import_format_words[file->format], machine);
    if (file->format == IMPORT_SYSTEMD_CREDS)
        r = take_sealed_name(import, machine, &id, reason);
    if (id && id != file->name)
        snprintf(file->name, sizeof(file->name), "%.*s", NAME_MAX, id);
    return r;
}

/* --- what the store has --- */

/* Whether OLD opens, and to the value of ITEM. */
static bool holds(const Store *store, Unsealer *unsealer, StoreClientEntry *old, const Item *item)
{
    _cleanup_(secret_freep) Secret *value = NULL;
    CredentialMetadata metadata;

    return store_client_entry_open(store, unsealer, old, NULL, &metadata, &value) == 0 &&
           bytes_view_equal(secret_view(value), item->entry.value);
}

/* Whether ITEM has a valid name that no earlier one has. */
static int check_name(const Import *import, const char *machine, Item *item, Reason *reason)
{
    int r = credential_name_new(machine, item->entry.name, reason, &item->name);

    if (r == 0)
        r = policy_id_check(item->entry.name, reason);
    if (r == 0)
        r = spec_check_owner(import->context, import->options, &item->name, reason);
    for (const Item *other = import->items; r == 0 && other < item; other++)
        if (strcmp(other->entry.name, item->entry.name) == 0)
            r = reason_set(reason, OUTCOME_USAGE, "lines %zu and %zu both set it",
                           other->entry.line, item->entry.line);
    return r;
}

static int check_old(Import *import, Unsealer *unsealer, Item *item, Reason *reason)
{
    _cleanup_(store_client_entry_done) StoreClientEntry old = {0};
    int r = store_read(import->store.store, &item->name, reason, &item->old);

    if (r == OUTCOME_NOT_FOUND)
        return 0;
    if (r != 0)
        return r;
    digest_format(bytes_view(&item->old), item->digest);
    if (store_client_read(&import->store, &item->name, NULL, &old) == 0 &&
        holds(import->store.store, unsealer, &old, item))
        item->result = ITEM_UNCHANGED;
    else if (import->options->replace)
        item->result = ITEM_REPLACED;
    else
        return reason_set(reason, OUTCOME_USAGE, "it already has another value");
    return 0;
}

/* Checks all names, and what the store has of them. All faults are printed; returns the last. */
static int check(Import *import, const char *machine)
{
    _cleanup_(unsealer_done) Unsealer unsealer = spec_unsealer(import->context, import->options);
    char name[CREDENTIAL_NAME_TEXT_BYTES];
    bool others = false;
    int rc = 0;

    for (size_t i = 0; i < import->count; i++) {
        Item *item = &import->items[i];
        Reason reason = {0};
        int r = check_name(import, machine, item, &reason);

        snprintf(name, sizeof(name), "%s@%s", machine, item->entry.name);
        progress_count(i + 1, import->count);
        if (r == 0) {
            r = check_old(import, &unsealer, item, &reason);
            others = others || r == OUTCOME_USAGE;
        }
        if (r != 0)
            rc = output_error(r, name, &reason);
    }
    progress_count(0, 0);
    if (others)
        output_note("Nothing was stored. --replace replaces these values.");
    else if (rc != 0)
        output_note("Nothing was stored.");
    return rc;
}

/* --- sealing --- */

/* The keys of a new credential are those of the one before, unless a policy requires other ones. A
 * value that replaces another one gets keys of its own, which nobody knows who knew the old ones.
 */
static int seal_item(Import *import, const Item *item, const char *name, Reason *reason, Bytes *ret)
{
    _cleanup_(store_client_entry_done) StoreClientEntry old = {.name = item->name};
    _cleanup_(seal_keys_done) SealKeys own = {0};
    _cleanup_(secret_freep) Secret *value = NULL;
    SealSpec spec = import->spec;
    SealContext context = {import->context, &spec, &terminal_observer};
    CredentialSections like = {0};
    SealKeys *keys = item->result == ITEM_REPLACED ? &own : &import->keys;
    int r;

    spec.name = name;
    spec.share_store = import->store.store;
    r = spec_keep_key_type(import->context, &item->name, reason, &spec);
    if (r == 0 && item->result == ITEM_REPLACED)
        r = bytes_dup(bytes_view(&item->old), &old.file);
    if (r == 0 && item->result == ITEM_REPLACED)
        r = spec_keep(import->context, import->options, &old, reason, &spec, &like);
    if (r == 0)
        r = secret_new_from(item->entry.value, reason, &value);
    if (r == 0)
        r = unit_size_check_value(item->name.id, value, reason);
    if (r == 0 && (!keys->kind || import->keys_spec.keys != spec.keys ||
                   import->keys_spec.key_types != spec.key_types)) {
        seal_keys_done(keys);
        *keys = (SealKeys){0};
        r = seal_prepare(&context, like.kind ? &like : NULL, reason, keys);
        if (keys == &import->keys)
            import->keys_spec = spec;
    }
    return r == 0 ? seal_value(&context, keys, value, reason, ret) : r;
}

/* Makes the change of each item that is not there already. Errors have been printed. */
static int seal(Import *import)
{
    char name[CREDENTIAL_NAME_TEXT_BYTES];
    Reason reason = {0};

    import->changes = calloc(import->count, sizeof(import->changes[0]));
    if (!import->changes)
        return output_error(-ENOMEM, NULL, &reason);
    for (size_t i = 0; i < import->count; i++) {
        const Item *item = &import->items[i];
        bool replaces = item->result == ITEM_REPLACED;
        Bytes sealed;
        int r;

        if (item->result == ITEM_UNCHANGED)
            continue;
        credential_name_format(&item->name, name);
        progress_count(i + 1, import->count);
        r = seal_item(import, item, name, &reason, &sealed);
        if (r != 0)
            return output_error(r, name, &reason);
        import->changes[import->change_count++] =
            (StoreChange){.name = item->name,
                          .sealed = bytes_view(&sealed),
                          .keep_old = spec_keeps_old(import->options),
                          .precondition = replaces ? STORE_DIGEST : STORE_ABSENT,
                          .digest = item->digest};
    }
    progress_count(0, 0);
    return 0;
}

/* --- the summary --- */

static void print_json(const Import *import, const char *machine)
{
    struct json_object *object = json_object_new_object();
    struct json_object *lists[] = {json_object_new_array(), json_object_new_array(),
                                   json_object_new_array()};

    json_add_text(object, "machine", machine);
    for (size_t i = 0; i < import->count; i++)
        json_append(lists[import->items[i].result],
                    json_object_new_string(import->items[i].name.id));
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        json_add(object, result_words[i], lists[i]);
    output_json(object, import->options->json);
}

/* Notes what is stored, and what is left to do. */
static void report(const Import *import, const char *machine)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    size_t counts[sizeof(result_words) / sizeof(result_words[0])] = {0}, missing = 0;
    PolicyFault fault;

    if (import->options->json != JSON_OFF) {
        print_json(import, machine);
        return;
    }
    /* enable says if the policy is not valid */
    (void)policy_load(import->context, machine, &fault, &policy);
    for (size_t i = 0; i < import->count; i++) {
        counts[import->items[i].result]++;
        missing += !policy || !policy_find(policy, import->items[i].name.id);
    }
    if (import->count == 1)
        output_note("%s@%s: %s.", machine, import->items[0].name.id,
                    result_words[import->items[0].result]);
    else
        output_note("Credentials of %s: %zu stored, %zu replaced, %zu unchanged.", machine,
                    counts[ITEM_STORED], counts[ITEM_REPLACED], counts[ITEM_UNCHANGED]);
    if (import->options->store)
        return;
    if (missing > 0)
        output_note("%s's policy does not list %s yet. To deliver all that the store has for %s: "
                    "nspawn-creds enable %s",
                    machine,
                    missing < import->count ? "all of them"
                    : missing > 1           ? "them"
                                            : "it",
                    machine, machine);
    else if (!stored_note_size(import->options, policy))
        output_note("To see what %s receives: nspawn-creds check %s", machine, machine);
}

static int prepare(Import *import, Reason *reason)
{
    int r = 0;

    if (import->options->key_types == 0)
        r = reason_set(reason, OUTCOME_USAGE,
                       "the null key protects nothing, and the broker does not serve it");
    if (r == 0)
        r = spec_to_seal(import->context, import->options, reason, &import->spec);
    if (r == 0)
        r = spec_open_store(import->options, reason, &import->store);
    return r == 0 ? store_client_writable(&import->store, reason) : r;
}

/* Splits MACHINE[@ID]; RET_ID is "" if there is none. */
static int split_argument(const char *argument, Reason *reason, CredentialName *ret)
{
    if (strchr(argument, '@'))
        return credential_name_parse(argument, reason, ret);
    *ret = (CredentialName){0};
    snprintf(ret->machine, sizeof(ret->machine), "%s", argument);
    return machine_name_check(argument, reason);
}

/* Explains why the file cannot be read, and if its format was guessed, what else it may be. */
static int explain(const Import *import, char **arguments, int rc, const Reason *reason)
{
    ImportFormat format = import->file.format;
    bool is_output = format == IMPORT_SOPS && import->file.text;

    output_error(rc, is_output ? "the output of sops" : input_name(arguments[1]), reason);
    if (import->options->from != IMPORT_AUTO || format == IMPORT_AUTO || format >= IMPORT_SOPS)
        return rc;
    output_note("%s was read as %s. Use --from= if it is something else.", input_name(arguments[1]),
                import_format_words[format]);
    if (format == IMPORT_DOTENV)
        output_note("If all of it is one value: nspawn-creds set %s%s %s",
                    shell_word(arguments[0]).text, strchr(arguments[0], '@') ? "" : "@ID",
                    shell_argument(arguments[1]).text);
    return rc;
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(import_done) Import import = {.context = context, .options = options};
    CredentialName name;
    Reason reason = {0};
    int r = split_argument(arguments[0], &reason, &name);

    if (r == 0)
        r = prepare(&import, &reason);
    if (r != 0)
        return output_error(r, arguments[0], &reason);
    r = import_file_read(context, options, arguments[1], &reason, &import.file);
    if (r == 0)
        r = name_value(&import, name.machine, name.id[0] ? name.id : NULL, &reason);
    if (r == 0)
        r = parse(&import, &reason);
    if (r != 0)
        return explain(&import, arguments, r, &reason);
    r = check(&import, name.machine);
    if (r == 0)
        r = seal(&import);
    if (r != 0)
        return r;
    if (import.change_count > 0)
        r = store_client_commit(&import.store, import.changes, import.change_count, "import",
                                &reason);
    if (r != 0)
        return output_error(r, arguments[0], &reason);
    report(&import, name.machine);
    return 0;
}

const Verb verb_import = {
    .name = "import",
    .arguments = "MACHINE[@ID] FILE",
    .summary = "Store another program's secrets as credentials of a machine",
    .details =
        "In a dotenv, JSON, YAML or sops file each value has a name, which becomes its id. An "
        "age file, as agenix\nhas them, and a file of systemd-creds are one value, with "
        "the given ID or that of the file. All are\nstored, or none: a value that programs "
        "read differently is refused with its line, and so are names\nthat have another "
        "value already, except with --replace. The programs sops and age open their own\n"
        "files. FILE is \"-\" for standard input.",
    .options = OPTION_FROM | OPTION_IDENTITY | OPTION_NEWLINE | OPTION_REPLACE | OPTION_NO_ASK |
               OPTION_STORE | OPTION_WITH_KEY | OPTION_TPM_DEVICE | OPTION_SIGNATURE |
               OPTION_FORGET | OPTION_JSON,
    .run = run,
};
