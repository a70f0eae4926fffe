/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Merkle trees with SHA-256 (RFC 9162, 2.1), by which one signature covers all hosts' manifests:
 *
 *     leaf = SHA256(00 ‖ content)      node = SHA256(01 ‖ left ‖ right)
 *
 * Nodes are paired level by level. A last one without a partner moves up unchanged, which gives the
 * RFC's tree. The path of a leaf consists of the partners on its way to the root.
 */

#include "base/bytes.h"
#include "base/limits.h"

#define MERKLE_HASH_BYTES ((size_t)32)
/* A hash in hexadecimal with a NUL, bytes. */
#define MERKLE_TEXT_BYTES (2 * MERKLE_HASH_BYTES + 1)
/* The longest path, hashes: LIMIT_FLEET_HOSTS are 2^20. */
#define MERKLE_PATH_MAX   ((size_t)20)

typedef struct MerkleHash {
    uint8_t bytes[MERKLE_HASH_BYTES];
} MerkleHash;
_Static_assert(sizeof(MerkleHash) == MERKLE_HASH_BYTES, "an array of them is bytes without gaps");

MerkleHash merkle_leaf(BytesView content);

static inline bool merkle_equal(const MerkleHash *a, const MerkleHash *b)
{
    return memcmp(a->bytes, b->bytes, MERKLE_HASH_BYTES) == 0;
}

typedef struct MerkleTree {
    size_t leaves;
    size_t count;      /* of nodes, all levels together */
    MerkleHash *nodes; /* the leaves first, the root last */
} MerkleTree;

void merkle_tree_done(MerkleTree *tree); /* for _cleanup_ */

/* Makes the tree of COUNT LEAVES, from 1 to LIMIT_FLEET_HOSTS. -ENOMEM. */
int merkle_tree_new(const MerkleHash *leaves, size_t count, MerkleTree *ret);

static inline const MerkleHash *merkle_tree_root(const MerkleTree *tree)
{
    return &tree->nodes[tree->count - 1];
}

/* Writes the path of the leaf INDEX, which must be in TREE. Returns its length, hashes. */
size_t merkle_tree_path(const MerkleTree *tree, size_t index, MerkleHash ret[MERKLE_PATH_MAX]);

/* Whether LEAF is number INDEX of LEAVES leaves of the tree with ROOT, as PATH proves. False also
 * for an index or a length that no such tree has. */
bool merkle_path_proves(const MerkleHash *path, size_t length, MerkleHash leaf, uint64_t index,
                        uint64_t leaves, const MerkleHash *root);
