/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds copy and rename: a credential under another name.
 *
 * The name is sealed in the file, so it is opened and sealed again. rename replaces the old one by
 * the new one in one commit.
 */

#include "hint.h"
#include "specs.h"
#include "terminal/input.h"
#include "terminal/output.h"
#include "unit_size.h"
#include "verb/dependents.h"
#include "verb/stored.h"
#include "verb/verb.h"

#include <string.h>

/* Whether the credential at the new name has this VALUE, and no earlier one that something which
 * MOVES there would replace: nothing is lost. */
static bool holds(ResealAs *reseal_as, const Secret *value, bool moves)
{
    _cleanup_(store_client_entry_done) StoreClientEntry entry = {0};
    _cleanup_(store_history_done) StoreHistory history = {0};
    _cleanup_(secret_freep) Secret *old = NULL;
    CredentialMetadata metadata;

    return store_client_read(reseal_as->store, &reseal_as->to, NULL, &entry) == 0 &&
           store_client_entry_open(reseal_as->store->store, &reseal_as->reseal.unsealer, &entry,
                                   NULL, &metadata, &old) == 0 &&
           secret_equal(old, value) &&
           (!moves ||
            (store_read_history(reseal_as->store->store, &reseal_as->to, NULL, &history) == 0 &&
             history.count == 0));
}

static int run(const Context *context, const Options *options, char **arguments, bool moves)
{
    _cleanup_(reseal_as_done) ResealAs reseal_as = {0};
    _cleanup_(store_client_done) StoreClient store = {0};
    _cleanup_(bytes_done) Bytes public = {0};
    _cleanup_(secret_freep) Secret *value = NULL;
    CredentialName from, to;
    Reason reason = {0};
    bool exists;
    int r = credential_name_parse(arguments[0], &reason, &from);

    /* a MACHINE alone is for the same id */
    if (r == 0)
        r = strchr(arguments[1], '@') ? credential_name_parse(arguments[1], &reason, &to)
                                      : credential_name_new(arguments[1], from.id, &reason, &to);
    if (r == 0 && strcmp(from.machine, to.machine) == 0 && strcmp(from.id, to.id) == 0)
        r = reason_set(&reason, OUTCOME_USAGE, "it already has this name");
    if (r != 0)
        return output_error(r, arguments[1], &reason);
    r = spec_reseal_as(context, options, &from, &to, &reason, &store, &reseal_as);
    if (r != 0)
        return hint_error(context, options, r, arguments[0], &reason);
    r = store_client_has(&store, &to, &reason, &exists);
    if (r == 0 && !exists)
        r = policy_id_check(to.id, &reason);
    if (r == 0)
        r = reseal_as_open(&reseal_as, &reason, &value);
    if (r == 0)
        r = unit_size_check_value(to.id, value, &reason);
    if (r == 0 && exists && !holds(&reseal_as, value, moves))
        r = confirm(options, &reason, "%s already exists. Replace it? %s", reseal_as.to_text,
                    moves ? "Its values will be lost." : spec_fate_of_old(options));
    if (r == 0)
        r = store_read_public(store.store, &from, &reason, &public);
    if (r == 0)
        r = reseal_as_finish(&reseal_as, NULL, bytes_view(&public), moves, &reason);
    if (r == 0)
        r = stored_report(context, options, &to, exists, (BytesView){0}, &reason);
    if (r != 0)
        return output_error(r, reseal_as.to_text, &reason);
    r = moves ? dependents_note(context, &from, 1, true) : 0;
    return r == 0 ? 0 : output_error(r, arguments[0], &reason);
}

static int run_copy(const Context *context, const Options *options, char **arguments)
{
    return run(context, options, arguments, false);
}

static int run_rename(const Context *context, const Options *options, char **arguments)
{
    return run(context, options, arguments, true);
}

#define COPY_OPTIONS                                                                               \
    OPTION_NO_ASK | OPTION_STORE | OPTION_FOR_SYSTEMD | OPTION_TPM_DEVICE | OPTION_SIGNATURE |     \
        OPTION_JSON

const Verb verb_copy = {
    .name = "copy",
    .arguments = "MACHINE@ID NEW",
    .summary = "Copy a credential to another machine or name",
    .details = "NEW is MACHINE@ID, or a MACHINE alone to keep the id. The name is sealed "
               "in the file, so the\ncredential is opened and sealed again; its PCRs and time of "
               "expiry are kept, and its key type, unless\nthe new machine's policy requires "
               "another one. Asks before it replaces another credential, unless\n--no-ask is "
               "given.",
    .options = COPY_OPTIONS,
    .run = run_copy,
};

const Verb verb_rename = {
    .name = "rename",
    .arguments = "MACHINE@ID NEW",
    .summary = "Give a credential another name, or move it to another machine",
    .details = "Works like copy, and removes the old credential at the same time.",
    .options = COPY_OPTIONS,
    .run = run_rename,
};
