/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds fleet rekey: encrypts all master copies again, to the recipients of now.
 */

#include "base/array.h"
#include "base/fsutil.h"
#include "fleet/verbs.h"
#include "fleet/workspace.h"
#include "terminal/input.h"
#include "terminal/output.h"

#include <errno.h>
#include <string.h>

typedef struct Rekeying {
    MasterChange *changes;
    size_t count;
} Rekeying;

static void rekeying_done(Rekeying *rekeying)
{
    for (size_t i = 0; i < rekeying->count; i++)
        master_change_done(&rekeying->changes[i]);
    free(rekeying->changes);
}

/* Also lists what fleet.json does not name: somebody who was removed must not open it either. */
static int list(const Repository *repository, Reason *reason, Rekeying *rekeying)
{
    _cleanup_(closep) int fd = repository_directory(repository, REPOSITORY_SECRETS);
    _cleanup_(closedirp) DIR *directory = NULL;
    const char *name;
    int r;

    if (fd == -ENOENT)
        return 0;
    if (fd < 0)
        return reason_set(reason, fd, "cannot open the directory %s", REPOSITORY_SECRETS);
    r = directory_list(fd, REPOSITORY_SECRETS, reason, &directory);
    while (r == 0 && (r = directory_next(directory, REPOSITORY_SECRETS, reason, &name)) == 0 &&
           name) {
        char secret[LIMIT_FLEET_SECRET_BYTES + 1];

        if (!master_secret(name, secret))
            continue;
        if (!ARRAY_ADD(rekeying->changes, rekeying->count,
                       (MasterChange){.secret = strdup(secret)}) ||
            !rekeying->changes[rekeying->count - 1].secret)
            return -ENOMEM;
    }
    return r;
}

/* Shows to whom the master copies will be encrypted: somebody else may have written that file. */
static int confirm_recipients(const Options *options, const Recipients *recipients, size_t count,
                              Reason *reason)
{
    if (!options->no_ask)
        for (size_t i = 0; i < recipients->count; i++)
            output_line(stderr, "  %s", recipients->lines[i]);
    return confirm(options, reason,
                   "Encrypt %zu master cop%s to these %zu recipients, who can open %s then?", count,
                   count == 1 ? "y" : "ies", recipients->count, count == 1 ? "it" : "them");
}

static int rekey(const Workspace *work, MasterChange *change, Reason *reason)
{
    _cleanup_(secret_freep) Secret *value = NULL;
    int r = master_read(&work->repository, &work->program, change->secret, reason, &value, NULL);

    return r == 0 ? master_encrypt(&work->program, &work->recipients, value, reason, &change->file)
                  : r;
}

static int run(const Context *context, const Options *options, char **)
{
    _cleanup_(workspace_done) Workspace work = WORKSPACE_CLOSED(context, options);
    _cleanup_(rekeying_done) Rekeying all = {0};
    Reason reason = {0};
    int r = workspace_open(true, &reason, &work);

    if (r == 0)
        r = list(&work.repository, &reason, &all);
    if (r == 0)
        r = confirm_recipients(options, &work.recipients, all.count, &reason);
    for (size_t i = 0; r == 0 && i < all.count; i++)
        r = rekey(&work, &all.changes[i], &reason);
    if (r == 0 && all.count > 0)
        r = masters_write(&work.repository, &work.recipients, all.changes, all.count, &reason);
    if (r != 0)
        return output_error(r, NULL, &reason);
    if (options->json != JSON_OFF) {
        struct json_object *object = json_object_new_object();

        json_add_number(object, "masters", all.count);
        json_add_number(object, "recipients", work.recipients.count);
        output_json(object, options->json);
        return 0;
    }
    output_note("%zu master cop%s encrypted to %zu recipients.", all.count,
                all.count == 1 ? "y is" : "ies are", work.recipients.count);
    if (all.count > 0)
        output_note("Without opening them, nobody can see that their values are the same: "
                    "nspawn-creds fleet seal lists each of them as changed, and seals all files "
                    "again. Hosts then restart nothing.");
    output_note("Somebody who is no recipient any more still opens the old copies, which git's "
                "history keeps. If you removed somebody, give the secrets other values: "
                "nspawn-creds fleet generate SECRET, or nspawn-creds fleet edit SECRET");
    return 0;
}

const Verb fleet_rekey = {
    .name = "fleet rekey",
    .arguments = "",
    .summary = "Encrypt all master copies again, after the recipients changed",
    .details =
        "Change the file \"recipients\" first. Opens each master copy and encrypts it to all "
        "who are in the\nfile now, or changes nothing. Shows the recipients and asks, unless "
        "--no-ask is given. It does not\nhelp against somebody who has kept an old copy: give "
        "the secrets other values.",
    .options = OPTION_REPOSITORY | OPTION_IDENTITY | OPTION_NO_ASK | OPTION_JSON,
    .run = run,
};
