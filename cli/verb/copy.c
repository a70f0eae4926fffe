/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds copy and rename: a credential under another name.
 *
 * The name is sealed in the file, so it is opened and sealed again. rename removes the old one once
 * the new one is in place: a crash in between leaves both, and the next rename finds that they hold
 * the same.
 */

#include "client/reseal_as.h"
#include "policy/policy_status.h"
#include "specs.h"
#include "terminal/confirm.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "verb/verb.h"

#include <string.h>

typedef struct Names {
    CredentialName from, to;
} Names;

/* Parses MACHINE@ID, or a MACHINE alone for the same id. */
static int parse_names(char **arguments, Reason *reason, Names *ret)
{
    int r = credential_name_parse(arguments[0], reason, &ret->from);

    if (r == 0)
        r = strchr(arguments[1], '@')
                ? credential_name_parse(arguments[1], reason, &ret->to)
                : credential_name_new(arguments[1], ret->from.id, reason, &ret->to);
    if (r == 0 && strcmp(ret->from.machine, ret->to.machine) == 0 &&
        strcmp(ret->from.id, ret->to.id) == 0)
        return reason_set(reason, OUTCOME_USAGE, "it already has this name");
    return r;
}

/* Whether what is at the new name opens as the same: a rename was interrupted. */
static bool holds_the_same(ResealAs *reseal_as)
{
    _cleanup_(store_client_entry_done) StoreClientEntry entry = {0};
    _cleanup_(secret_freep) Secret *old = NULL, *new = NULL;
    CredentialMetadata metadata;

    return store_client_read(reseal_as->store, &reseal_as->to, NULL, &entry) == 0 &&
           store_client_entry_open(&reseal_as->reseal.unsealer, &entry, NULL, &metadata, &new) ==
               0 &&
           reseal_as_open(reseal_as, NULL, &old) == 0 && secret_equal(old, new);
}

static int copy(const Options *options, ResealAs *reseal_as, const Names *names, Reason *reason)
{
    _cleanup_(bytes_done) Bytes public = {0};
    bool there;
    int r = store_client_has(reseal_as->store, &names->to, reason, &there);

    if (r == 0 && there && !holds_the_same(reseal_as))
        r = confirm(options, reason, "%s already exists. Replace it? Its value will be lost.",
                    reseal_as->to_text);
    if (r == 0)
        r = store_client_read_public(reseal_as->store, &names->from, reason, &public);
    return r == 0 ? reseal_as_finish(reseal_as, NULL, bytes_view(&public), reason) : r;
}

static int advise(const Context *context, const Names *names, bool moved)
{
    PolicyStatus status;
    Reason advice;
    int r = policy_status_find(context, &names->to, &status);

    if (r != 0)
        return r;
    policy_status_advise(&status, &names->to, &advice);
    output_note("%s", advice.text);
    if (moved && policy_status_find(context, &names->from, &status) == 0 &&
        status.kind == POLICY_STATUS_USED)
        output_note("%s's policy still lists %s, so %s does not start any more. Remove the entry.",
                    names->from.machine, names->from.id, names->from.machine);
    return 0;
}

static int run(const Context *context, const Options *options, char **arguments, bool moves)
{
    _cleanup_(reseal_as_done) ResealAs reseal_as = {0};
    _cleanup_(store_client_done) StoreClient store = {0};
    Reason reason = {0};
    SealSpec spec;
    Names names;
    int r = parse_names(arguments, &reason, &names);

    if (r != 0)
        return output_error(r, arguments[1], &reason);
    r = spec_to_seal(context, options, &reason, &spec);
    if (r == 0)
        r = spec_open_store(options, &reason, &store);
    if (r == 0)
        r = reseal_as_begin(&(SealContext){context, &spec, &terminal_observer}, &store, &names.from,
                            &names.to, &reason, &reseal_as);
    if (r != 0)
        return output_error(r, arguments[0], &reason);
    r = copy(options, &reseal_as, &names, &reason);
    if (r != 0)
        return output_error(r, reseal_as.to_text, &reason);
    if (moves)
        r = store_client_remove(&store, &names.from, &reason);
    if (r == 0)
        r = advise(context, &names, moves);
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
    OPTION_NO_ASK | OPTION_STORE | OPTION_FOR_SYSTEMD | OPTION_TPM_DEVICE | OPTION_SIGNATURE

const Verb verb_copy = {
    .name = "copy",
    .arguments = "MACHINE@ID NEW",
    .summary = "Copy a credential to another machine or name",
    .details = "NEW is MACHINE@ID, or a MACHINE alone to keep the id. The name is sealed "
               "in the file, so the\ncredential is opened and sealed again; its key type, "
               "PCRs and time of expiry are kept. Asks before\nit replaces another "
               "credential, unless --no-ask is given.",
    .options = COPY_OPTIONS,
    .arguments_min = 2,
    .arguments_max = 2,
    .run = run_copy,
};

const Verb verb_rename = {
    .name = "rename",
    .arguments = "MACHINE@ID NEW",
    .summary = "Give a credential another name, or move it to another machine",
    .details = "Works like copy, and then removes the old credential. If it is "
               "interrupted, run it again.",
    .options = COPY_OPTIONS,
    .arguments_min = 2,
    .arguments_max = 2,
    .run = run_rename,
};
