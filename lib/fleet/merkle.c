/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/merkle.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>

_Static_assert(UINT64_C(1) << MERKLE_PATH_MAX == LIMIT_FLEET_HOSTS, "the longest path fits");

static MerkleHash hash(uint8_t prefix, BytesView first, BytesView second)
{
    crypto_hash_sha256_state state;
    MerkleHash result;

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, &prefix, 1);
    crypto_hash_sha256_update(&state, first.data, first.size);
    crypto_hash_sha256_update(&state, second.data, second.size);
    crypto_hash_sha256_final(&state, result.bytes);
    return result;
}

MerkleHash merkle_leaf(BytesView content)
{
    return hash(0, content, (BytesView){0});
}

static MerkleHash node(const MerkleHash *left, const MerkleHash *right)
{
    return hash(1, (BytesView){left->bytes, MERKLE_HASH_BYTES},
                (BytesView){right->bytes, MERKLE_HASH_BYTES});
}

void merkle_tree_done(MerkleTree *tree)
{
    free(tree->nodes);
    *tree = (MerkleTree){0};
}

int merkle_tree_new(const MerkleHash *leaves, size_t count, MerkleTree *ret)
{
    MerkleTree tree = {.leaves = count};
    MerkleHash *level, *next;

    assert(count >= 1 && count <= LIMIT_FLEET_HOSTS);
    /* each level has half the nodes of the one below, rounded up */
    tree.nodes = calloc(2 * count + MERKLE_PATH_MAX, sizeof(tree.nodes[0]));
    if (!tree.nodes)
        return -ENOMEM;
    memcpy(tree.nodes, leaves, count * sizeof(leaves[0]));
    for (level = tree.nodes; count > 1; level = next, count -= count / 2) {
        next = level + count;
        for (size_t i = 0; i + 1 < count; i += 2)
            next[i / 2] = node(&level[i], &level[i + 1]);
        if (count % 2 == 1)
            next[count / 2] = level[count - 1];
    }
    tree.count = (size_t)(level - tree.nodes) + 1;
    *ret = tree;
    return 0;
}

size_t merkle_tree_path(const MerkleTree *tree, size_t index, MerkleHash ret[MERKLE_PATH_MAX])
{
    const MerkleHash *level = tree->nodes;
    size_t length = 0;

    assert(index < tree->leaves);
    for (size_t count = tree->leaves; count > 1; count -= count / 2, index /= 2) {
        if ((index ^ 1) < count)
            ret[length++] = level[index ^ 1];
        level += count;
    }
    return length;
}

bool merkle_path_proves(const MerkleHash *path, size_t length, MerkleHash leaf, uint64_t index,
                        uint64_t leaves, const MerkleHash *root)
{
    size_t used = 0;

    if (index >= leaves)
        return false;
    for (uint64_t count = leaves; count > 1; count -= count / 2, index /= 2) {
        if ((index ^ 1) >= count)
            continue;
        if (used == length)
            return false;
        leaf = index % 2 ? node(&path[used], &leaf) : node(&leaf, &path[used]);
        used++;
    }
    return used == length && memcmp(leaf.bytes, root->bytes, MERKLE_HASH_BYTES) == 0;
}
