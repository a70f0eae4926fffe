/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What an administrator knows of a fleet's repository: the inventory that they have confirmed, and
 * the manifests that they have sealed or that enough signers have signed. It is in NAME.verified,
 * beside their configuration (admin.h).
 */

#include "base/context.h"
#include "fleet/inventory.h"

/* A host's manifest, by its leaf, that was signed, or sealed by this administrator. */
typedef struct KnownLeaf {
    char host[LIMIT_FLEET_HOST_BYTES + 1];
    MerkleHash leaf;
} KnownLeaf;

/* Those of several hosts, sorted by host. */
typedef struct KnownLeaves {
    KnownLeaf *all;
    size_t count;
} KnownLeaves;

void known_leaves_done(KnownLeaves *leaves); /* for _cleanup_ */

/* Adds HOST, with LEAF, or replaces the leaf that it has. -ENOMEM. */
int known_leaves_put(KnownLeaves *leaves, const char *host, const MerkleHash *leaf);

/* Moves FROM to TO, in the place of what was there. */
void known_leaves_move(KnownLeaves *to, KnownLeaves *from);

/* The leaf of HOST; NULL if there is none. */
const MerkleHash *known_leaf_find(const KnownLeaves *leaves, const char *host);

/* Whether HOST has LEAF. */
bool known_leaf_is(const KnownLeaves *leaves, const char *host, const MerkleHash *leaf);

/* Parses "HOST HEX". */
bool known_leaf_parse(const char *text, KnownLeaf *ret);

/* Writes a line "HOST HEX" for each, with PREFIX in front. */
void known_leaves_write(Writer *writer, const char *prefix, const KnownLeaves *leaves);

typedef struct FleetVerified {
    uint64_t sequence;    /* of the last statement that enough signers have signed; 0: none */
    Inventory inventory;  /* what this administrator has confirmed last, or signers have signed */
    KnownLeaves known;    /* what they have sealed, or signers have signed */
    KnownLeaves released; /* those of the statement .sequence, or of the last one before it that
                           * enough had signed */
    KnownLeaves stamps;   /* of hosts' sealed files when they were last compared with their
                           * manifest, see sealed_survey() */
} FleetVerified;

void fleet_verified_done(FleetVerified *verified); /* for _cleanup_ */

/* All zeros if there is none yet. OUTCOME_BAD_FLEET_CONFIG. */
int fleet_verified_load(const Context *context, const char *fleet, Reason *reason,
                        FleetVerified *ret);

/* From now on, KNOWN is known, and INVENTORY is confirmed. Takes both. */
void fleet_verified_confirm(FleetVerified *verified, KnownLeaves *known, Inventory *inventory);

int fleet_verified_save(const char *fleet, const FleetVerified *verified, Reason *reason);
