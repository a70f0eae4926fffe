/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/fleet/merkle.c against the vectors of Certificate Transparency's reference
 * implementation, and against the recursive definition of RFC 9162 (2.1.1 and 2.1.3.1).
 */

#include "support.h"

#include "base/base64.h"
#include "fleet/merkle.h"

#include <sodium.h>
#include <string.h>

#define LEAVES_MAX ((size_t)70)

static MerkleHash from_hex(const char *text)
{
    MerkleHash result;

    assert_true(hex_decode(test_view(text), result.bytes, sizeof(result.bytes)));
    return result;
}

static bool equal(const MerkleHash *a, const MerkleHash *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* --- the definition, word for word --- */

static MerkleHash pair(MerkleHash left, MerkleHash right)
{
    uint8_t text[1 + 2 * MERKLE_HASH_BYTES] = {1};
    MerkleHash result;

    memcpy(text + 1, left.bytes, MERKLE_HASH_BYTES);
    memcpy(text + 1 + MERKLE_HASH_BYTES, right.bytes, MERKLE_HASH_BYTES);
    crypto_hash_sha256(result.bytes, text, sizeof(text));
    return result;
}

/* The largest power of two below N. */
static size_t split(size_t n)
{
    size_t k = 1;

    while (2 * k < n)
        k *= 2;
    return k;
}

static MerkleHash naive_root(const MerkleHash *leaves, size_t n)
{
    size_t k = split(n);

    return n == 1 ? leaves[0] : pair(naive_root(leaves, k), naive_root(leaves + k, n - k));
}

static size_t naive_path(const MerkleHash *leaves, size_t n, size_t m, MerkleHash *ret)
{
    size_t k = split(n), length;

    if (n == 1)
        return 0;
    length = m < k ? naive_path(leaves, k, m, ret) : naive_path(leaves + k, n - k, m - k, ret);
    ret[length] = m < k ? naive_root(leaves + k, n - k) : naive_root(leaves, k);
    return length + 1;
}

/* --- tests --- */

static const BytesView inputs[] = {
    {(const uint8_t *)"", 0},
    {(const uint8_t *)"\x00", 1},
    {(const uint8_t *)"\x10", 1},
    {(const uint8_t *)"\x20\x21", 2},
    {(const uint8_t *)"\x30\x31", 2},
    {(const uint8_t *)"\x40\x41\x42\x43", 4},
    {(const uint8_t *)"\x50\x51\x52\x53\x54\x55\x56\x57", 8},
    {(const uint8_t *)"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16},
};

static void test_known_roots(void **state)
{
    static const char *const roots[COUNT(inputs)] = {
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    };
    MerkleHash leaves[COUNT(inputs)];

    (void)state;
    for (size_t i = 0; i < COUNT(inputs); i++) {
        _cleanup_(merkle_tree_done) MerkleTree tree = {0};
        MerkleHash root = from_hex(roots[i]);

        leaves[i] = merkle_leaf(inputs[i]);
        assert_int_equal(merkle_tree_new(leaves, i + 1, &tree), 0);
        assert_true(equal(merkle_tree_root(&tree), &root));
    }
}

static void test_known_paths(void **state)
{
    static const struct {
        size_t index, leaves;
        const char *path[4];
    } rows[] = {
        {0, 1, {NULL}},
        {0,
         8,
         {"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
          "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
          "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}},
        {5,
         8,
         {"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
          "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
          "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}},
        {2, 3, {"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"}},
        {1,
         5,
         {"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
          "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
          "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(merkle_tree_done) MerkleTree tree = {0};
        MerkleHash leaves[COUNT(inputs)], path[MERKLE_PATH_MAX];
        size_t length, step;

        for (size_t leaf = 0; leaf < rows[i].leaves; leaf++)
            leaves[leaf] = merkle_leaf(inputs[leaf]);
        assert_int_equal(merkle_tree_new(leaves, rows[i].leaves, &tree), 0);
        length = merkle_tree_path(&tree, rows[i].index, path);
        for (step = 0; step < length && rows[i].path[step]; step++) {
            MerkleHash expected = from_hex(rows[i].path[step]);

            assert_true(equal(&path[step], &expected));
        }
        assert_int_equal(step, length);
        assert_null(rows[i].path[step]);
    }
}

/* Wrong index, number of leaves, length, leaf or root. */
static void check_refusals(const MerkleTree *tree, size_t index)
{
    const MerkleHash *root = merkle_tree_root(tree), *leaf = &tree->nodes[index];
    MerkleHash path[MERKLE_PATH_MAX + 1] = {0}, other = *leaf;
    size_t length = merkle_tree_path(tree, index, path), n = tree->leaves;

    for (size_t i = 0; i < n + 3; i++)
        assert_true(merkle_path_proves(path, length, *leaf, i, n, root) == (i == index));
    assert_false(merkle_path_proves(path, length, *leaf, UINT64_MAX, n, root));
    assert_false(merkle_path_proves(path, length, *leaf, index, 0, root));
    assert_false(merkle_path_proves(path, length, *leaf, index, UINT64_MAX, root));
    assert_false(merkle_path_proves(path, length + 1, *leaf, index, n, root));
    if (length > 0)
        assert_false(merkle_path_proves(path, length - 1, *leaf, index, n, root));
    other.bytes[0] ^= 1;
    assert_false(merkle_path_proves(path, length, other, index, n, root));
    other = *root;
    other.bytes[MERKLE_HASH_BYTES - 1] ^= 0x80;
    assert_false(merkle_path_proves(path, length, *leaf, index, n, &other));
    for (size_t i = 0; i < length; i++) {
        path[i].bytes[i] ^= 1;
        assert_false(merkle_path_proves(path, length, *leaf, index, n, root));
        path[i].bytes[i] ^= 1;
    }
}

static void test_as_defined(void **state)
{
    MerkleHash leaves[LEAVES_MAX], path[MERKLE_PATH_MAX], expected[MERKLE_PATH_MAX];

    (void)state;
    for (size_t n = 1; n <= LEAVES_MAX; n++) {
        _cleanup_(merkle_tree_done) MerkleTree tree = {0};
        MerkleHash root;

        leaves[n - 1] = merkle_leaf((BytesView){(const uint8_t *)&n, sizeof(n)});
        root = naive_root(leaves, n);
        assert_int_equal(merkle_tree_new(leaves, n, &tree), 0);
        assert_true(equal(merkle_tree_root(&tree), &root));
        for (size_t i = 0; i < n; i++) {
            size_t length = merkle_tree_path(&tree, i, path);

            assert_int_equal(length, naive_path(leaves, n, i, expected));
            assert_memory_equal(path, expected, length * sizeof(path[0]));
            check_refusals(&tree, i);
        }
    }
}

/* A node is no leaf: two hosts' hashes cannot be passed off as one host's manifest. */
static void test_a_node_is_no_leaf(void **state)
{
    MerkleHash leaves[] = {merkle_leaf(test_view("a")), merkle_leaf(test_view("b"))};
    MerkleHash root = pair(leaves[0], leaves[1]);
    BytesView content = {(const uint8_t *)leaves, sizeof(leaves)};

    (void)state;
    assert_false(merkle_path_proves(NULL, 0, merkle_leaf(content), 0, 1, &root));
    assert_true(merkle_path_proves(&leaves[1], 1, leaves[0], 0, 2, &root));
}

/* As many as there may be: the tree and the longest path have room. */
static void test_the_largest(void **state)
{
    size_t n = LIMIT_FLEET_HOSTS;
    _cleanup_(freep) MerkleHash *leaves = calloc(n, sizeof(leaves[0]));
    _cleanup_(merkle_tree_done) MerkleTree tree = {0};
    MerkleHash path[MERKLE_PATH_MAX];
    size_t length;

    (void)state;
    assert_non_null(leaves);
    for (size_t less = 0; less < 2; less++) {
        merkle_tree_done(&tree);
        assert_int_equal(merkle_tree_new(leaves, n - less, &tree), 0);
        length = merkle_tree_path(&tree, 7777, path);
        assert_int_equal(length, MERKLE_PATH_MAX);
        assert_true(merkle_path_proves(path, length, leaves[7777], 7777, n - less,
                                       merkle_tree_root(&tree)));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_roots), cmocka_unit_test(test_known_paths),
        cmocka_unit_test(test_as_defined),  cmocka_unit_test(test_a_node_is_no_leaf),
        cmocka_unit_test(test_the_largest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
