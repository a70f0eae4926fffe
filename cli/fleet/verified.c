/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/verified.h"

#include "base/array.h"
#include "base/base64.h"
#include "base/fsutil.h"
#include "fleet/admin.h"
#include "own_file.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

#define VERIFIED_BEGIN "nspawn-creds-verified 1\n"
/* The inventory of 2^20 hosts with some ten secrets each. */
#define VERIFIED_MAX   ((size_t)1024 * 1024 * 1024)

void fleet_verified_done(FleetVerified *verified)
{
    inventory_done(&verified->inventory);
    known_leaves_done(&verified->known);
    known_leaves_done(&verified->released);
    known_leaves_done(&verified->stamps);
    *verified = (FleetVerified){0};
}

void known_leaves_done(KnownLeaves *leaves)
{
    free(leaves->all);
    *leaves = (KnownLeaves){0};
}

static int compare_leaves(const void *a, const void *b)
{
    return strcmp(((const KnownLeaf *)a)->host, ((const KnownLeaf *)b)->host);
}

int known_leaves_put(KnownLeaves *leaves, const char *host, const MerkleHash *leaf)
{
    KnownLeaf known = {.leaf = *leaf};
    size_t i;

    strcpy(known.host, host);
    i = ARRAY_POSITION(&known, leaves->all, leaves->count, compare_leaves);
    if (i < leaves->count && strcmp(leaves->all[i].host, host) == 0) {
        leaves->all[i] = known;
        return 0;
    }
    return ARRAY_INSERT(leaves->all, leaves->count, i, known) ? 0 : -ENOMEM;
}

void known_leaves_move(KnownLeaves *to, KnownLeaves *from)
{
    known_leaves_done(to);
    *to = TAKE(*from);
}

const MerkleHash *known_leaf_find(const KnownLeaves *leaves, const char *host)
{
    const KnownLeaf *known;
    KnownLeaf wanted;

    snprintf(wanted.host, sizeof(wanted.host), "%s", host);
    known = ARRAY_FIND(&wanted, leaves->all, leaves->count, compare_leaves);
    return known ? &known->leaf : NULL;
}

bool known_leaf_is(const KnownLeaves *leaves, const char *host, const MerkleHash *leaf)
{
    const MerkleHash *known = known_leaf_find(leaves, host);

    return known && merkle_equal(known, leaf);
}

bool known_leaf_parse(const char *text, KnownLeaf *ret)
{
    const char *space = strchr(text, ' ');
    KnownLeaf known = {0};

    if (!space || (size_t)(space - text) >= sizeof(known.host) ||
        !hex_parse(space + 1, known.leaf.bytes, MERKLE_HASH_BYTES))
        return false;
    memcpy(known.host, text, (size_t)(space - text));
    *ret = known;
    return fleet_host_name_valid(known.host);
}

/* Adds "HOST HEX" to LEAVES. */
static int take_leaf(const char *text, KnownLeaves *leaves)
{
    KnownLeaf known;

    return known_leaf_parse(text, &known) ? known_leaves_put(leaves, known.host, &known.leaf)
                                          : OUTCOME_BAD_FLEET_CONFIG;
}

/* The header: lines up to an empty one. The inventory is the rest. */
static int parse_verified(char *text, FleetVerified *verified)
{
    char *rest = text + strlen(VERIFIED_BEGIN), *line;
    int r =
        strncmp(text, VERIFIED_BEGIN, strlen(VERIFIED_BEGIN)) == 0 ? 0 : OUTCOME_BAD_FLEET_CONFIG;

    while (r == 0 && (line = strsep(&rest, "\n")) && *line) {
        if (strncmp(line, "sequence ", 9) == 0)
            verified->sequence = strtoull(line + 9, NULL, 10);
        else if (strncmp(line, "leaf ", 5) == 0)
            r = take_leaf(line + 5, &verified->known);
        else if (strncmp(line, "released ", 9) == 0)
            r = take_leaf(line + 9, &verified->released);
        else if (strncmp(line, "stamp ", 6) == 0)
            r = take_leaf(line + 6, &verified->stamps);
        else
            r = OUTCOME_BAD_FLEET_CONFIG;
    }
    if (r == 0)
        r = rest ? 0 : OUTCOME_BAD_FLEET_CONFIG;
    if (r == 0) {
        char *copy = strdup(rest);

        r = copy ? inventory_parse(copy, &verified->inventory) : -ENOMEM;
    }
    return r;
}

int fleet_verified_load(const Context *context, const char *fleet, Reason *reason,
                        FleetVerified *ret)
{
    _cleanup_(fleet_verified_done) FleetVerified verified = {0};
    _cleanup_(bytes_done) Bytes file = {0};
    _cleanup_(freep) char *text = NULL;
    char path[PATH_MAX];
    int r = fleet_admin_path(fleet, ".verified", reason, path);

    if (r == 0)
        r = fleet_admin_read(context, path, VERIFIED_MAX, reason, &file);
    if (r == 0) {
        text = strndup((const char *)file.data, file.size);
        r = text ? parse_verified(text, &verified) : -ENOMEM;
        if (r > 0)
            reason_set(reason, r,
                       "%s is damaged. Remove it; then everything in the repository is new to you, "
                       "and has to be confirmed",
                       path);
    }
    if (r == OUTCOME_NOT_FOUND)
        r = 0;
    if (r == 0)
        *ret = TAKE(verified);
    return r;
}

void known_leaves_write(Writer *writer, const char *prefix, const KnownLeaves *leaves)
{
    char hex[MERKLE_TEXT_BYTES];

    for (size_t i = 0; i < leaves->count; i++) {
        sodium_bin2hex(hex, sizeof(hex), leaves->all[i].leaf.bytes, MERKLE_HASH_BYTES);
        writer_format(writer, "%s%s %s\n", prefix, leaves->all[i].host, hex);
    }
}

void fleet_verified_confirm(FleetVerified *verified, KnownLeaves *known, Inventory *inventory)
{
    known_leaves_move(&verified->known, known);
    inventory_done(&verified->inventory);
    verified->inventory = TAKE(*inventory);
}

int fleet_verified_save(const char *fleet, const FleetVerified *verified, Reason *reason)
{
    _cleanup_(writer_done) Writer writer = {0};
    char path[PATH_MAX];
    int r = fleet_admin_path(fleet, ".verified", reason, path);

    if (r == 0)
        r = own_file_make_parents(path, reason);
    if (r != 0)
        return r;
    writer_format(&writer, VERIFIED_BEGIN "sequence %" PRIu64 "\n", verified->sequence);
    known_leaves_write(&writer, "leaf ", &verified->known);
    known_leaves_write(&writer, "released ", &verified->released);
    known_leaves_write(&writer, "stamp ", &verified->stamps);
    writer_text(&writer, "\n");
    inventory_write(&verified->inventory, &writer);
    if (writer.failed)
        return -ENOMEM;
    return file_write(path, bytes_view(&writer.bytes), 0600, true, reason);
}
