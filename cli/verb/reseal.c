/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds reseal: opens sealed files, or all of a machine's, and seals them again.
 *
 * A set is a machine's credentials, or the given files. All of a set is opened, sealed and opened
 * again in memory before anything is written. If one machine fails, the others still go ahead.
 */

#include "base/array.h"
#include "base/base64.h"
#include "base/fsutil.h"
#include "hint.h"
#include "specs.h"
#include "terminal/output.h"
#include "terminal/pretty.h"
#include "terminal/progress.h"
#include "verb/reseal_report.h"
#include "verb/verb.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* How often a machine is tried again because another command changed it in the meantime. */
#define ATTEMPTS 3

/* Shared by all sets. */
typedef struct Resealing {
    const Options *options;
    SealSpec spec;
    Identity host; /* --host= */
    StoreClient store;
    Reseal reseal;
} Resealing;

static void set_clear(ResealSet *set)
{
    for (size_t i = 0; i < set->count; i++)
        reseal_item_done(&set->items[i]);
    free(set->items);
    *set = (ResealSet){.machine = set->machine};
}

static void sets_done(ResealSets *sets)
{
    for (size_t i = 0; i < sets->count; i++)
        set_clear(&sets->sets[i]);
    free(sets->sets);
}

static void resealing_done(Resealing *resealing)
{
    reseal_done(&resealing->reseal);
    store_client_done(&resealing->store);
    identity_done(&resealing->host);
}

/* --- arguments --- */

static bool is_file(const char *argument)
{
    struct stat status;

    return strchr(argument, '/') || (stat(argument, &status) == 0 && S_ISREG(status.st_mode));
}

static int add_machine(ResealSets *sets, const char *machine)
{
    for (size_t i = 1; i < sets->count; i++)
        if (strcmp(sets->sets[i].machine, machine) == 0)
            return 0;
    return ARRAY_ADD(sets->sets, sets->count, (ResealSet){.machine = machine}) ? 0 : -ENOMEM;
}

/* The files are the first set. Each machine is one set, even if it is given twice. */
static int sort_arguments(char **arguments, Reason *reason, ResealSets *sets)
{
    if (!ARRAY_ADD(sets->sets, sets->count, (ResealSet){0}))
        return -ENOMEM;
    for (; *arguments; arguments++) {
        ResealSet *files = &sets->sets[0];

        if (is_file(*arguments)) {
            if (!ARRAY_ADD(files->items, files->count, (ResealItem){.label = strdup(*arguments)}) ||
                !files->items[files->count - 1].label)
                return -ENOMEM;
            continue;
        }
        if (!machine_name_valid(*arguments))
            return reason_set(reason, OUTCOME_USAGE,
                              "\"%.80s\" is neither an existing file nor a machine name",
                              *arguments);
        if (add_machine(sets, *arguments) != 0)
            return -ENOMEM;
    }
    return 0;
}

/* Adds the machines that have a credential in the store, or cannot be read, which is reported when
 * it is their turn. Their names borrow from MACHINES. */
static int add_all_machines(const Store *store, char **machines, ResealSets *sets)
{
    int r = 0;

    for (; r == 0 && *machines; machines++) {
        _cleanup_(freep) StoreEntry *entries = NULL;
        size_t count;

        if (store_list(store, *machines, NULL, &entries, &count) != 0 || count > 0)
            r = add_machine(sets, *machines);
    }
    return r;
}

static int check_options(const Context *context, const Options *options, const ResealSets *sets,
                         Reason *reason)
{
    bool files = sets->sets[0].count > 0;
    bool machines = sets->count > 1 || options->all;
    const char *wrong = NULL;

    if (!files && !machines)
        wrong = "name files or machines, or use --all";
    else if (options->all && (files || sets->count > 1))
        wrong = "--all is for all machines; name none, and no files";
    else if (options->all && options->host_count > 0)
        wrong = "--all is for this host: the store's credentials stay on it";
    else if (options->given & OPTION_NAME && (machines || sets->sets[0].count != 1))
        wrong = "--name= is for a single file";
    else if (options->seal.format == SEAL_RAW && machines)
        wrong = "the store only holds base64; omit --format=raw";
    else if (options->given & OPTION_UID && machines)
        wrong = "--uid= is for files: the broker does not deliver what is sealed for a user";
    else if (options->store && !machines)
        wrong = "--store= needs a machine, and none is given";
    else if (options->key_types == 0 && !options->seal.allow_null)
        wrong = "the null key protects nothing; if you accept that, use --allow-null";
    else if (options->given & OPTION_NOT_AFTER && options->seal.not_after < context->now(context))
        wrong = "--not-after= is in the past";
    else if (options->given & OPTION_FORM && options->host_count == 0)
        wrong = "--form= needs --host=";
    else if (options->host_count > 1)
        wrong = "reseal takes only one --host=";
    else if (options->host_count == 1 && options->seal.version)
        wrong = "for another host use --form= instead of --for-systemd=";
    return wrong ? reason_set(reason, OUTCOME_USAGE, "%s", wrong) : 0;
}

/* --- reading --- */

static int load_machine(const Resealing *resealing, ResealSet *set, Reason *reason)
{
    const Context *context = resealing->reseal.unsealer.context;
    const Store *store = resealing->store.store;
    _cleanup_(freep) StoreEntry *entries = NULL;
    size_t count;
    int r = spec_list_machine(store, set->machine, reason, &entries, &count);

    if (r != 0)
        return r;
    if (count == 0)
        return reason_set(reason, OUTCOME_NOT_FOUND,
                          "the store holds no credentials of machine \"%s\"", set->machine);
    set->items = calloc(count, sizeof(set->items[0]));
    if (!set->items)
        return -ENOMEM;
    for (; set->count < count; set->count++) {
        ResealItem *item = &set->items[set->count];

        item->name = entries[set->count].name;
        item->store = store;
        item->label = malloc(CREDENTIAL_NAME_TEXT_BYTES);
        if (!item->label)
            return -ENOMEM;
        credential_name_format(&item->name, item->label);
        item->rc = spec_check_owner(context, resealing->options, &item->name, &item->reason);
        if (item->rc == 0)
            item->rc = store_read(store, &item->name, &item->reason, &item->file);
    }
    return 0;
}

/* --- one set --- */

/* Returns the first failure of an item. */
static int first_failure(const ResealSet *set)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->items[i].rc != 0)
            return set->items[i].rc;
    return 0;
}

static int replace_machine(StoreClient *store, ResealSet *set, Reason *reason)
{
    _cleanup_(freep) StoreChange *changes = calloc(set->count, sizeof(changes[0]));
    _cleanup_(freep) char(*digests)[DIGEST_TEXT_BYTES] = calloc(set->count, sizeof(digests[0]));
    int r;

    if (!changes || !digests)
        return -ENOMEM;
    for (size_t i = 0; i < set->count; i++) {
        const ResealItem *item = &set->items[i];

        digest_format(bytes_view(&item->file), digests[i]);
        changes[i] = (StoreChange){.name = item->name,
                                   .sealed = bytes_view(&item->sealed),
                                   .keep_public = true,
                                   .history = bytes_view(&item->history),
                                   .precondition = STORE_DIGEST,
                                   .digest = digests[i]};
    }
    r = store_client_commit(store, changes, set->count, "reseal", reason);
    for (size_t i = 0; i < set->count; i++)
        set->items[i].done = r == 0;
    return r;
}

/* A file with a setting of a unit: leaves only the base64 in .file, as everywhere else. */
static int read_file(ResealItem *item)
{
    int r = rewrite_read(item->label, LIMIT_FILE_BYTES, &item->reason, &item->file);

    if (r != 0 || !pretty_is(bytes_view(&item->file)))
        return r;
    r = bytes_dup(bytes_view(&item->file), &item->setting);
    pretty_strip(&item->file);
    return r;
}

static BytesView old_file(const ResealItem *item)
{
    return bytes_view(item->setting.size > 0 ? &item->setting : &item->file);
}

/* Makes a setting of what was sealed instead of one. */
static int restore_setting(ResealItem *item)
{
    _cleanup_(bytes_done) Bytes raw = {0};
    int r = credential_decode(bytes_view(&item->sealed), &item->reason, &raw);

    if (r != 0)
        return r;
    if (!item->metadata.name[0])
        return reason_set(&item->reason, OUTCOME_USAGE, "a setting needs --name=");
    bytes_done(&item->sealed);
    return pretty_make(item->metadata.name, bytes_view(&raw), &item->sealed);
}

/* All, or none: the old files are restored, unless another command has changed the new ones. */
static int replace_files(ResealSet *set)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < set->count; i++) {
        ResealItem *item = &set->items[i];

        r = rewrite_write(item->label, old_file(item), bytes_view(&item->sealed), &item->reason);
        item->rc = r;
        item->done = r == 0;
    }
    for (size_t i = 0; r != 0 && i < set->count; i++) {
        ResealItem *item = &set->items[i];

        if (item->done)
            item->done =
                rewrite_write(item->label, bytes_view(&item->sealed), old_file(item), NULL) != 0;
    }
    return r;
}

/* With the key type that the policy requires, if the item is in the store. */
static void examine(Resealing *resealing, ResealItem *item)
{
    SealSpec spec = resealing->spec;
    SealContext *seal = &resealing->reseal.pool.seal;

    if (item->name.id[0])
        item->rc = spec_keep_key_type(seal->context, &item->name, &item->reason, &spec);
    seal->spec = &spec;
    if (item->rc == 0)
        reseal_examine(&resealing->reseal, item);
    seal->spec = &resealing->spec;
}

/* The same for its earlier values in HISTORY. */
static int seal_earlier(Resealing *resealing, const ResealItem *item, Reason *reason,
                        StoreHistory *history)
{
    SealSpec spec = resealing->spec;
    SealContext *seal = &resealing->reseal.pool.seal;
    size_t closed;
    int r = spec_keep_key_type(seal->context, &item->name, reason, &spec);

    if (r != 0)
        return r;
    seal->spec = &spec;
    closed = reseal_history(&resealing->reseal, item, false, history);
    seal->spec = &resealing->spec;
    if (closed > 0)
        output_note("%s: %zu earlier %s not open, and %s as %s.", item->label, closed,
                    closed == 1 ? "value does" : "values do", closed == 1 ? "stays" : "stay",
                    closed == 1 ? "it is" : "they are");
    return 0;
}

/* Whether ITEM is sealed for a state that this host is not in yet, and was sealed for another state
 * of the same PCRs before: without that, it would still open in any state. */
static bool needs_predecessor(const ResealItem *item)
{
    const TpmPcrs *pcrs = &item->target->pcrs;
    uint64_t before = kind_has(item->sections.kind, KIND_TPM) ? item->sections.tpm.pcr_mask : 0;

    return item->closed.text[0] && pcrs->given && (pcrs->mask & ~before) == 0;
}

/* Keeps the file that opens now as the predecessor. */
static int keep_predecessor(ResealItem *item, Reason *reason, StoreHistory *history)
{
    _cleanup_(bytes_done) Bytes file = {0};
    sd_id128_t boot;
    int r = sd_id128_get_boot(&boot);

    if (r < 0)
        return reason_set(reason, r,
                          "cannot read the boot id, until whose end the old file is kept");
    r = credential_encode(bytes_view(&item->raw), &file);
    if (r == 0)
        store_history_add_predecessor(history, boot, &file);
    return r;
}

/* Makes the history of the new file. */
static int make_history(Resealing *resealing, ResealItem *item, Reason *reason)
{
    _cleanup_(store_history_done) StoreHistory history = {0};
    int r = store_read_history(resealing->store.store, &item->name, reason, &history);

    item->keeps_old = needs_predecessor(item);
    if (r >= 0)
        r = history.count > 0 ? seal_earlier(resealing, item, reason, &history) : 0;
    if (r == 0 && item->keeps_old)
        r = keep_predecessor(item, reason, &history);
    if (r != 0 || history.count == 0)
        return r;
    snprintf(history.values[0].verb, STORE_VERB_BYTES, "reseal");
    history.values[0].uid = getuid();
    r = store_history_format(&history, &item->history);
    return r == 0 && item->keeps_old && item->history.size == 0
               ? reason_set(reason, OUTCOME_TOO_LARGE,
                            "%s is too large to be kept in its old form as well; --forget does not "
                            "keep it",
                            item->label)
               : r;
}

/* Goes as far as possible. Failures of an item are in the item, others in REASON. */
static int do_set(Resealing *resealing, ResealSet *set, Reason *reason)
{
    Reseal *reseal = &resealing->reseal;
    int r = 0;

    if (set->machine) {
        set_clear(set);
        r = load_machine(resealing, set, reason);
        if (r != 0)
            return r;
    } else {
        for (size_t i = 0; i < set->count; i++)
            set->items[i].rc = read_file(&set->items[i]);
    }
    for (size_t i = 0; i < set->count; i++)
        if (set->items[i].rc == 0) {
            progress_count(i + 1, set->count);
            examine(resealing, &set->items[i]);
        }
    r = first_failure(set);
    for (size_t i = 0; r == 0 && !resealing->options->dry_run && i < set->count; i++) {
        progress_count(i + 1, set->count);
        r = reseal_seal(reseal, &set->items[i]);
        if (r == 0 && set->items[i].setting.size > 0 &&
            !(resealing->options->given & OPTION_FORMAT))
            r = set->items[i].rc = restore_setting(&set->items[i]);
        if (r == 0 && set->machine && spec_keeps_old(resealing->options))
            r = make_history(resealing, &set->items[i], reason);
    }
    progress_count(0, 0);
    if (r != 0 || resealing->options->dry_run)
        return r;
    return set->machine ? replace_machine(&resealing->store, set, reason) : replace_files(set);
}

static int reseal_set(Resealing *resealing, ResealSet *set)
{
    const Options *options = resealing->options;
    Reason reason = {0};
    size_t done = 0;
    int r = OUTCOME_CHANGED;

    /* some files may be in place by then */
    for (int i = 0; i < (set->machine ? ATTEMPTS : 1) && r == OUTCOME_CHANGED; i++)
        r = do_set(resealing, set, &reason);
    if (!options->dry_run && options->json == JSON_OFF)
        reseal_report_done(set);
    if (r != 0 && first_failure(set) == 0)
        set->machine
            ? hint_error(resealing->reseal.pool.seal.context, options, r, set->machine, &reason)
            : output_error(r, NULL, &reason);
    if (r == 0 || options->dry_run)
        return r;
    reseal_report_failures(set);
    for (size_t i = 0; i < set->count; i++)
        done += set->items[i].done;
    if (set->machine && set->count > 0)
        output_note("No credential of %s was changed.", set->machine);
    else if (set->count > 0 && done == 0)
        output_note("No file was changed.");
    else if (set->count > 0)
        output_note("%zu of %zu files were resealed and could not be restored; the others are "
                    "unchanged.",
                    done, set->count);
    return r;
}

/* --- all --- */

static int reseal_all(Resealing *resealing, const ResealSets *sets)
{
    const Options *options = resealing->options;
    int r, result = 0;

    for (size_t i = 0; i < sets->count; i++) {
        if (!sets->sets[i].machine && sets->sets[i].count == 0)
            continue;
        r = reseal_set(resealing, &sets->sets[i]);
        if (result == 0)
            result = r;
    }
    if (options->json != JSON_OFF || options->dry_run)
        reseal_report_all(options, sets);
    if (options->all && options->json == JSON_OFF)
        reseal_report_after(options, sets);
    for (size_t i = 0; options->dry_run && i < sets->count; i++)
        reseal_report_failures(&sets->sets[i]);
    return result;
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(resealing_done) Resealing resealing = {.options = options};
    _cleanup_(strings_freep) char **machines = NULL;
    _cleanup_(sets_done) ResealSets sets = {0};
    Reason reason = {0};
    int r = sort_arguments(arguments, &reason, &sets);

    if (r == 0)
        r = check_options(context, options, &sets, &reason);
    if (r == 0)
        r = spec_to_seal(context, options, &reason, &resealing.spec);
    if (r == 0 && (sets.count > 1 || options->all))
        r = spec_open_store(options, &reason, &resealing.store);
    if (r == 0 && options->all)
        r = store_machines(resealing.store.store, &reason, &machines);
    if (r == 0 && options->all)
        r = add_all_machines(resealing.store.store, machines, &sets);
    if (r != 0)
        return output_error(r, NULL, &reason);
    if (options->host_count > 0) {
        r = spec_read_identity(options->hosts[0], &reason, &resealing.host);
        if (r != 0)
            return output_error(r, options->hosts[0], &reason);
        resealing.spec.host = &resealing.host;
    }
    resealing.reseal.unsealer = spec_unsealer(context, options);
    resealing.reseal.pool.seal = (SealContext){context, &resealing.spec, &terminal_observer};
    return reseal_all(&resealing, &sets);
}

const Verb verb_reseal = {
    .name = "reseal",
    .arguments = "[FILE|MACHINE...]",
    .summary = "Seal credentials again, for other PCRs, keys or hosts",
    .details = "Takes files, or machines whose credentials are in the store; an argument with a "
               "\"/\", or that is an\n"
               "existing file, is a file. Every credential must open on this host. Everything that "
               "no option\n"
               "changes is kept: key type (unless the machine's policy requires another one), PCRs "
               "(with their\n"
               "current values), signed policy, name, time of expiry, owner and mode of a FILE. "
               "The new files are\n"
               "opened as a test; then all of a machine's files are replaced at once, or none. "
               "They share one fresh\n"
               "TPM-sealed key. --dry-run shows what would open, and changes nothing. --all is for "
               "all machines in\n"
               "the store, and also says what will open after an update of the firmware.",
    .options = OPTIONS_SEAL | OPTION_DRY_RUN | OPTION_ALL | OPTION_STORE | OPTION_NAME |
               OPTION_UID | OPTION_SIGNATURE | OPTION_TIMESTAMP | OPTION_FORMAT |
               OPTION_ALLOW_NULL | OPTION_HOST | OPTION_FORM | OPTION_FORGET | OPTION_JSON,
    .run = run,
};
