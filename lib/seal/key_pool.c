/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "seal/key_pool.h"

#include "base/array.h"

#include <errno.h>
#include <string.h>

struct KeyPoolEntry {
    const SealTarget *target;
    char machine[LIMIT_MACHINE_BYTES + 1]; /* "" if they are for one credential only */
    SealKeys *keys;
};

void key_pool_done(KeyPool *pool)
{
    for (size_t i = 0; i < pool->key_count; i++) {
        seal_keys_done(pool->keys[i].keys);
        free(pool->keys[i].keys);
    }
    for (size_t i = 0; i < pool->target_count; i++) {
        seal_target_done(pool->targets[i]);
        free(pool->targets[i]);
    }
    free(pool->keys);
    free(pool->targets);
    *pool = (KeyPool){0};
}

int key_pool_target(KeyPool *pool, const CredentialSections *old, const char *subject,
                    Reason *reason, SealTarget **ret)
{
    _cleanup_(seal_target_done) SealTarget target = {0};
    int r = seal_target_make(&pool->seal, old, reason, &target);

    if (r != 0)
        return r;
    if (target.key_types == 0 && !pool->seal.spec->allow_null)
        return reason_set(reason, OUTCOME_USAGE,
                          "it would be sealed with the null key, which protects nothing");
    for (size_t i = 0; i < pool->target_count; i++)
        if (seal_target_equal(pool->targets[i], &target)) {
            *ret = pool->targets[i];
            return 0;
        }
    r = seal_resolve(&pool->seal, subject, reason, &target);
    if (r != 0)
        return r;
    *ret = malloc(sizeof(**ret));
    if (!*ret || !ARRAY_GROW(pool->targets, pool->target_count)) {
        free(*ret);
        return -ENOMEM;
    }
    **ret = TAKE(target);
    pool->targets[pool->target_count++] = *ret;
    return 0;
}

int key_pool_keys(KeyPool *pool, SealTarget *target, const char *machine, const char *subject,
                  Reason *reason, const SealKeys **ret)
{
    _cleanup_(freep) SealKeys *keys = calloc(1, sizeof(*keys));
    const SealKeys *other = NULL; /* with a TPM key that will do for TARGET, too */
    KeyPoolEntry *entry;
    int r;

    if (pool->seal.spec->fresh_key)
        machine = NULL;
    for (size_t i = 0; machine && i < pool->key_count; i++) {
        entry = &pool->keys[i];
        if (strcmp(entry->machine, machine) != 0)
            continue;
        if (entry->target == target) {
            *ret = entry->keys;
            return 0;
        }
        if (!other && seal_target_shares_tpm_key(entry->target, target))
            other = entry->keys;
    }
    if (!keys || !ARRAY_GROW(pool->keys, pool->key_count))
        return -ENOMEM;
    r = seal_keys_make(&pool->seal, subject, other, reason, target, keys);
    if (r != 0)
        return r;
    entry = &pool->keys[pool->key_count++];
    *entry = (KeyPoolEntry){.target = target, .keys = TAKE_PTR(keys)};
    if (machine)
        strcpy(entry->machine, machine);
    *ret = entry->keys;
    return 0;
}
