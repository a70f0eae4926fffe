/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/changes.h"

#include "base/array.h"
#include "terminal/input.h"
#include "terminal/output.h"

#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>

void fleet_changes_done(FleetChanges *changes)
{
    strings_free(changes->lines);
    *changes = (FleetChanges){0};
}

int fleet_changes_find(const FleetVerified *verified, const Inventory *inventory, FleetChanges *ret)
{
    return inventory_compare(&verified->inventory, inventory, &ret->lines, &ret->count);
}

int fleet_changes_add(FleetChanges *changes, const Writer *names, const char *format, ...)
{
    _cleanup_(freep) char *what = NULL, *line = NULL;
    va_list arguments;

    if (names->failed || names->bytes.size == 0)
        return names->failed ? -ENOMEM : 0;
    va_start(arguments, format);
    if (vasprintf(&what, format, arguments) < 0)
        what = NULL;
    va_end(arguments);
    if (!what || asprintf(&line, "%s:%.*s", what, (int)names->bytes.size,
                          (const char *)names->bytes.data) < 0)
        return -ENOMEM;
    return strings_add(&changes->lines, &changes->count, line) ? 0 : -ENOMEM;
}

int fleet_changes_add_unknown(FleetChanges *changes, const KnownLeaves *leaves,
                              const KnownLeaves *known, const KnownLeaves *also, const char *what)
{
    _cleanup_(writer_done) Writer names = {0};

    for (size_t i = 0; i < leaves->count; i++) {
        const KnownLeaf *leaf = &leaves->all[i];

        if (!known_leaf_is(known, leaf->host, &leaf->leaf) &&
            !(also && known_leaf_is(also, leaf->host, &leaf->leaf)))
            writer_format(&names, " %s", leaf->host);
    }
    return fleet_changes_add(changes, &names, "%s", what);
}

static void set_digest(FleetChanges *changes, const Inventory *inventory)
{
    MerkleHash digest = inventory_digest(inventory);
    crypto_generichash_state state;
    uint8_t hash[(sizeof(changes->digest) - 1) / 2];

    crypto_generichash_init(&state, NULL, 0, sizeof(hash));
    crypto_generichash_update(&state, digest.bytes, sizeof(digest.bytes));
    for (size_t i = 0; i < changes->count; i++) {
        const char *line = changes->lines[i];

        crypto_generichash_update(&state, (const uint8_t *)line, strlen(line) + 1);
    }
    crypto_generichash_final(&state, hash, sizeof(hash));
    sodium_bin2hex(changes->digest, sizeof(changes->digest), hash, sizeof(hash));
}

static void show(const FleetChanges *changes)
{
    size_t wider = changes->count - changes->wider;

    for (size_t i = 0; i < changes->count; i++) {
        if (i == wider)
            output_line(stderr, "This wave takes more hosts than you asked for:");
        else if (i == 0)
            output_line(stderr, "Changed since this was last confirmed or signed:");
        output_line(stderr, "  %s", changes->lines[i]);
    }
}

int fleet_changes_confirm(FleetChanges *changes, const Inventory *inventory, const char *command,
                          const Options *options, Reason *reason)
{
    if (changes->count == 0)
        return 0;
    set_digest(changes, inventory);
    if (options->confirm && strcmp(options->confirm, changes->digest) == 0)
        return 0;
    show(changes);
    if (options->confirm)
        return reason_set(reason, OUTCOME_UNCONFIRMED,
                          "these are not the changes that --confirm=%.40s is for; nothing was "
                          "changed. The command without --confirm= prints the right digest",
                          options->confirm);
    if (confirm_possible(options, NULL) != 0)
        return reason_set(
            reason, OUTCOME_UNCONFIRMED,
            "nothing was changed. If all of them are intended: nspawn-creds %s --confirm=%s",
            command, changes->digest);
    return confirm(options, reason,
                   changes->wider > 0 ? "Is all of this intended?"
                                      : "Are all of these changes intended?") == 0
               ? 0
               : reason_set(reason, OUTCOME_UNCONFIRMED, "nothing was changed");
}
