/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds edit: changes a credential's value in an editor.
 */

#include "hint.h"
#include "specs.h"
#include "terminal/editor_file.h"
#include "terminal/input.h"
#include "terminal/output.h"
#include "unit_size.h"
#include "verb/stored.h"
#include "verb/verb.h"

/* Seals and stores the edited value. RET_STORED is false if it is unchanged. */
static int store(const Options *options, ResealAs *reseal_as, Secret **value, const Secret *old,
                 Reason *reason, bool *ret_stored)
{
    _cleanup_(bytes_done) Bytes public = {0}, now = {0};
    bool same;
    int r = 0;

    /* Editors end a file with a newline. A password that had none must have none afterwards. */
    if (options->newline != TRISTATE_AUTO || !input_has_newline(old))
        r = input_set_newline(value, options->newline == TRISTATE_YES, reason);
    if (r == 0)
        r = unit_size_check_value(reseal_as->to.id, *value, reason);
    if (r != 0)
        return r;
    same = secret_equal(old, *value);
    if (same && !reseal_as->spec.has_not_after) {
        output_note("%s is unchanged; nothing was stored.", reseal_as->to_text);
        return 0;
    }
    /* an editor may be open for a long time */
    r = store_read(reseal_as->store->store, &reseal_as->to, reason, &now);
    if (r == OUTCOME_NOT_FOUND && options->no_ask)
        r = reason_set(reason, OUTCOME_CHANGED, "it was removed");
    else if (r == OUTCOME_NOT_FOUND)
        r = confirm(options, reason, "Another command removed %s in the meantime. Store it again?",
                    reseal_as->to_text);
    else if (r == 0 && !bytes_view_equal(bytes_view(&now), bytes_view(&reseal_as->item.file)))
        r = confirm(options, reason,
                    "Another command changed %s in the meantime. Replace that value?",
                    reseal_as->to_text);
    if (r == 0 && same)
        r = store_read_public(reseal_as->store->store, &reseal_as->to, reason, &public);
    if (r == 0)
        r = reseal_as_finish(reseal_as, *value, bytes_view(&public), false, reason);
    *ret_stored = r == 0;
    return r;
}

/* The new value is only in memory, and lost when this program ends. Asks what to do after the
 * failure RC: 't' to try again, 'e' to edit again, or 0 to give up. */
static char ask_what_next(const Options *options, const ResealAs *reseal_as, int rc,
                          const Reason *reason)
{
    char choice;

    output_error(rc, reseal_as->to_text, reason);
    if (rc == OUTCOME_EMPTY)
        return '\0';
    if (rc == OUTCOME_USAGE) {
        /* the user was asked already, or cannot be asked */
        output_note("The new value is lost.");
        return '\0';
    }
    choice =
        confirm_choice(options, "teg",
                       "The new value was not stored yet. Try again (t), edit it again (e), or "
                       "give up (g)?");
    if (choice == '\0')
        output_note("The new value is lost. On a terminal, and without --no-ask, edit asks "
                    "whether to try again.");
    return choice == 'g' ? '\0' : choice;
}

/* Repeats until the value is stored or given up; errors have been printed. */
static int edit(const Options *options, ResealAs *reseal_as, const Secret *old, bool *ret_stored)
{
    _cleanup_(secret_freep) Secret *value = NULL;
    char choice = 'e';
    int r = 0;

    while (choice != '\0') {
        Reason reason = {0};
        Secret *edited;

        r = 0;
        if (choice == 'e')
            r = editor_file_edit(reseal_as->to_text, value ? value : old, &reason, &edited);
        if (r != 0 && !value)
            return output_error(r, reseal_as->to_text, &reason);
        if (choice == 'e' && r == 0) {
            secret_free(value);
            value = edited;
        }
        if (r == 0)
            r = store(options, reseal_as, &value, old, &reason, ret_stored);
        if (r == 0)
            return 0;
        choice = ask_what_next(options, reseal_as, r, &reason);
    }
    return r;
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(reseal_as_done) ResealAs reseal_as = {0};
    _cleanup_(store_client_done) StoreClient store = {0};
    _cleanup_(secret_freep) Secret *old = NULL;
    Reason reason = {0};
    CredentialName name;
    bool stored = false;
    int r = credential_name_parse(arguments[0], &reason, &name);

    if (r == 0)
        r = spec_reseal_as(context, options, &name, &name, &reason, &store, &reseal_as);
    if (r == 0)
        r = reseal_as_open(&reseal_as, &reason, &old);
    if (r != 0)
        return hint_error(context, options, r, arguments[0], &reason);
    r = edit(options, &reseal_as, old, &stored);
    if (r != 0 || (!stored && options->json == JSON_OFF))
        return r;
    r = stored_report(context, options, &name, stored, (BytesView){0}, &reason);
    return r == 0 ? 0 : output_error(r, arguments[0], &reason);
}

const Verb verb_edit = {
    .name = "edit",
    .arguments = "MACHINE@ID",
    .summary = "Change the value of a credential in an editor",
    .details =
        "Uses $VISUAL, $EDITOR, or the first of editor, nano and vi. The editor must stay in the\n"
        "foreground. Its file exists in memory only, and the editor cannot write anywhere else. If "
        "the\n"
        "value is unchanged or the editor fails, nothing is stored. PCRs and time of expiry are "
        "kept, and\n"
        "the key type, unless the policy requires another one; --not-after= sets another time. A "
        "final\n"
        "newline is removed if the old value had none.",
    .options = OPTION_NO_ASK | OPTION_NEWLINE | OPTION_NOT_AFTER | OPTION_FORGET | OPTION_STORE |
               OPTION_FOR_SYSTEMD | OPTION_TPM_DEVICE | OPTION_SIGNATURE | OPTION_JSON,
    .run = run,
};
