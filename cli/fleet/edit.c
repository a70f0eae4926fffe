/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds fleet edit: changes the value of a secret in an editor.
 *
 * The repository is not locked while the editor is open. Before the new value is written, the
 * master must be the one that was opened.
 */

#include "fleet/verbs.h"
#include "fleet/workspace.h"
#include "terminal/editor_file.h"
#include "terminal/input.h"
#include "terminal/memory_mount.h"
#include "terminal/output.h"

#include <errno.h>
#include <string.h>

typedef struct Editing {
    const Context *context;
    const Options *options;
    const char *secret;
    Bytes before; /* the master */
    Secret *old, *new;
} Editing;

static void editing_done(Editing *editing)
{
    bytes_done(&editing->before);
    secret_free(editing->old);
    secret_free(editing->new);
}

static int open_master(Editing *editing, Reason *reason)
{
    _cleanup_(workspace_done) Workspace work = WORKSPACE_CLOSED(editing->context, editing->options);
    int r = workspace_open(false, reason, &work);

    if (r == 0 && !fleet_file_secret(&work.repository.file, editing->secret))
        r = reason_set(reason, OUTCOME_USAGE, "there is no secret \"%.80s\" in %s", editing->secret,
                       REPOSITORY_FILE);
    return r == 0 ? master_read(&work.repository, &work.program, editing->secret, reason,
                                &editing->old, &editing->before)
                  : r;
}

static int store(const Editing *editing, Reason *reason)
{
    _cleanup_(workspace_done) Workspace work = WORKSPACE_CLOSED(editing->context, editing->options);
    _cleanup_(master_change_done) MasterChange change = {0};
    _cleanup_(bytes_done) Bytes now = {0};
    int r = workspace_open(true, reason, &work);

    if (r == 0)
        r = master_read_file(&work.repository, editing->secret, reason, &now);
    if (r == -ENOENT ||
        (r == 0 && !bytes_view_equal(bytes_view(&now), bytes_view(&editing->before))))
        r = confirm(editing->options, reason,
                    "Another command changed %s in the meantime. Replace that value?",
                    editing->secret);
    if (r == 0)
        r = master_encrypt(&work.program, &work.recipients, editing->new, reason, &change.file);
    change.secret = strdup(editing->secret);
    if (r == 0 && !change.secret)
        r = -ENOMEM;
    return r == 0 ? masters_write(&work.repository, &work.recipients, &change, 1, reason) : r;
}

/* The new value is only in memory, so that a failure is no reason to give it up. */
static int store_patiently(const Editing *editing, Reason *reason)
{
    int r;

    while ((r = store(editing, reason)) != 0 && r != OUTCOME_USAGE) {
        output_error(r, editing->secret, reason);
        if (confirm_choice(editing->options, "tg",
                           "Storing the new value failed. Try again (t), or give up (g)?") != 't')
            return reason_set(reason, OUTCOME_USAGE,
                              "the new value was given up after the error above");
    }
    return r;
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(editing_done) Editing editing = {
        .context = context, .options = options, .secret = arguments[0]};
    Reason reason = {0};
    bool stored = false;
    int r = memory_mount_prepare(&reason);

    if (r == 0)
        r = open_master(&editing, &reason);
    if (r == 0)
        r = editor_file_edit(editing.secret, editing.old, &reason, &editing.new);
    /* editors end a file with a newline */
    if (r == 0 && (options->newline != TRISTATE_AUTO || !input_has_newline(editing.old)))
        r = input_set_newline(&editing.new, options->newline == TRISTATE_YES, &reason);
    if (r == 0 && secret_size(editing.new) == 0)
        r = reason_set(&reason, OUTCOME_EMPTY, "nothing was changed");
    if (r == 0 && !secret_equal(editing.old, editing.new)) {
        r = store_patiently(&editing, &reason);
        stored = r == 0;
    }
    if (r != 0)
        return output_error(r, editing.secret, &reason);
    if (options->json != JSON_OFF) {
        struct json_object *object = json_object_new_object();

        json_add_text(object, "secret", editing.secret);
        json_add(object, "replaced", json_object_new_boolean(stored));
        output_json(object, options->json);
    } else if (stored)
        output_note("%s: replaced. To seal it for its hosts: nspawn-creds fleet seal",
                    editing.secret);
    else
        output_note("%s is unchanged.", editing.secret);
    return 0;
}

const Verb fleet_edit = {
    .name = "fleet edit",
    .arguments = "SECRET",
    .summary = "Change the value of a secret in an editor",
    .details =
        "age opens the master copy with your identity. The editor's file exists in memory "
        "only, as for\n\"nspawn-creds edit\". If the value is unchanged or the editor fails, "
        "nothing is changed.",
    .options = OPTION_REPOSITORY | OPTION_IDENTITY | OPTION_NEWLINE | OPTION_NO_ASK | OPTION_JSON,
    .run = run,
};
