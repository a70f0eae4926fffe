/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds edit: a credential's value in an editor.
 */

#include "confirm.h"
#include "output.h"
#include "remake.h"
#include "scratch.h"
#include "standing.h"
#include "value.h"
#include "verb.h"

/* Editors end a file with a newline; a password that had none is to have none afterwards. */
static int settle_newline(const Options *options, const Secret *old, Reason *reason, Secret **value)
{
    if (options->newline != TRISTATE_AUTO)
        return value_set_newline(value, options->newline == TRISTATE_YES, reason);
    return value_has_newline(old) ? 0 : value_set_newline(value, false, reason);
}

static int edit(const Options *options, const char *name, const Secret *old, Reason *reason,
                Secret **ret)
{
    _cleanup_(scratch_done) Scratch scratch = {.directory = -1};
    _cleanup_(secret_freep) Secret *value = NULL;
    int r = scratch_new(name, old, reason, &scratch);

    if (r == 0)
        r = scratch_edit(&scratch, reason);
    if (r == 0)
        r = scratch_read(&scratch, reason, &value);
    if (r == 0)
        r = settle_newline(options, old, reason, &value);
    if (r == 0 && secret_size(value) == 0)
        r = reason_set(reason, OUTCOME_EMPTY, "nothing was changed");
    if (r == 0)
        *ret = TAKE_PTR(value);
    return r;
}

/* An editor may be open for long. */
static int check_unchanged(const Remake *remake, Reason *reason)
{
    _cleanup_(bytes_done) Bytes now = {0};
    int r = store_read(remake->depot->store, &remake->to, reason, &now);

    if (r == OUTCOME_NOT_FOUND ||
        (r == 0 && bytes_view_equal(bytes_view(&now), bytes_view(&remake->item.file))))
        return 0;
    if (r != 0)
        return r;
    return confirm(&remake->options, reason,
                   "Somebody else has changed %s meanwhile. Replace that?", remake->to_text);
}

static int change(Remake *remake, const Context *context, Reason *reason)
{
    _cleanup_(secret_freep) Secret *old = NULL, *value = NULL;
    _cleanup_(bytes_done) Bytes public = {0};
    Standing standing;
    bool same;
    int r = remake_open(remake, reason, &old);

    if (r == 0)
        r = edit(&remake->options, remake->to_text, old, reason, &value);
    if (r != 0)
        return r;
    same = secret_equal(old, value);
    if (same && !(remake->options.given & OPTION_NOT_AFTER)) {
        output_note("%s is as it was; nothing was written.", remake->to_text);
        return 0;
    }
    r = check_unchanged(remake, reason);
    if (r == 0 && same)
        r = depot_read_public(remake->depot, &remake->to, reason, &public);
    if (r == 0)
        r = remake_finish(remake, value, bytes_view(&public), reason);
    if (r == 0)
        r = standing_find(context, &remake->to, &standing);
    if (r == 0)
        standing_advise(&standing, &remake->to);
    return r;
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(remake_done) Remake remake = {0};
    _cleanup_(depot_done) Depot depot = {0};
    Reason reason = {0};
    CredentialName name;
    int r = credential_name_parse(arguments[0], &reason, &name);

    if (r == 0)
        r = depot_open(options, &reason, &depot);
    if (r == 0)
        r = remake_begin(context, options, &depot, &name, &name, &reason, &remake);
    if (r == 0)
        r = change(&remake, context, &reason);
    return r == 0 ? 0 : output_error(r, arguments[0], &reason);
}

const Verb verb_edit = {
    .name = "edit",
    .arguments = "MACHINE@ID",
    .summary = "Change the value of a credential in an editor",
    .details = "In $VISUAL, $EDITOR, or the first that there is of editor, nano and vi, which has "
               "to stay in the\nforeground. Its file is in memory alone, and while it runs it can "
               "write nowhere else. If the\nvalue is as it was, or the editor fails, nothing is "
               "changed. What it is sealed with and when it\nexpires is kept; --not-after= gives "
               "another time. A value without a newline at its end gets none.",
    .options = OPTION_NO_ASK | OPTION_NEWLINE | OPTION_NOT_AFTER | OPTION_STORE |
               OPTION_FOR_SYSTEMD | OPTION_TPM_DEVICE | OPTION_SIGNATURE,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};
