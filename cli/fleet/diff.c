/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds fleet diff: what seal and sign would ask about.
 */

#include "fleet/verbs.h"
#include "fleet/workspace.h"
#include "terminal/output.h"

#include <stdio.h>

static void print(const FleetChanges *changes, const Options *options)
{
    if (options->json != JSON_OFF)
        output_json(json_texts(changes->lines), options->json);
    else
        for (size_t i = 0; i < changes->count; i++)
            output_line(stdout, "%s", changes->lines[i]);
}

static int run(const Context *context, const Options *options, char **)
{
    _cleanup_(workspace_done) Workspace work = WORKSPACE_CLOSED(context, options);
    _cleanup_(fleet_changes_done) FleetChanges changes = {0};
    _cleanup_(known_leaves_done) KnownLeaves leaves = {0};
    Reason reason = {0};
    int r = workspace_load(false, &reason, &work);

    if (r == 0)
        r = workspace_note_recipients(&work, &reason);
    if (r == 0)
        r = fleet_changes_find(&work.verified, &work.inventory, &changes);
    if (r == 0)
        r = workspace_leaves(&work, false, NULL, &leaves);
    if (r == 0)
        r = workspace_add_unknown(&work, &leaves, &changes);
    if (r == OUTCOME_UNSEALED) /* then sign asks about nothing */
        r = 0;
    if (r != 0)
        return output_error(r, NULL, &reason);
    print(&changes, options);
    return 0;
}

const Verb fleet_diff = {
    .name = "fleet diff",
    .arguments = "",
    .summary = "Show what was changed in a fleet's repository since it was confirmed",
    .details =
        "Prints what \"fleet seal\" and \"fleet sign\" would ask about: keys of hosts, "
        "recipients, values, settings,\nand who gets what, if they differ from what was last "
        "confirmed on this machine or signed; and sealed\nfiles that were not made here.",
    .options = OPTION_REPOSITORY | OPTION_JSON,
    .run = run,
};
