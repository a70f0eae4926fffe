/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keys for many credentials. See key_pool.h.
 */

#include "seal/key_pool.h"

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
    SealTarget **larger;
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
    larger = reallocarray(pool->targets, pool->target_count + 1, sizeof(larger[0]));
    if (!larger)
        return -ENOMEM;
    pool->targets = larger;
    *ret = malloc(sizeof(**ret));
    if (!*ret)
        return -ENOMEM;
    **ret = target;
    target = (SealTarget){0};
    pool->targets[pool->target_count++] = *ret;
    return 0;
}

int key_pool_keys(KeyPool *pool, SealTarget *target, const char *machine, const char *subject,
                  Reason *reason, const SealKeys **ret)
{
    _cleanup_(freep) SealKeys *keys = calloc(1, sizeof(*keys));
    const SealKeys *other = NULL; /* with a TPM key that will do for TARGET, too */
    KeyPoolEntry *larger;
    int r;

    if (pool->seal.spec->fresh_key)
        machine = NULL;
    for (size_t i = 0; machine && i < pool->key_count; i++) {
        const KeyPoolEntry *entry = &pool->keys[i];

        if (strcmp(entry->machine, machine) != 0)
            continue;
        if (entry->target == target) {
            *ret = entry->keys;
            return 0;
        }
        if (!other && seal_target_shares_tpm_key(entry->target, target))
            other = entry->keys;
    }
    larger = reallocarray(pool->keys, pool->key_count + 1, sizeof(larger[0]));
    if (larger)
        pool->keys = larger;
    if (!keys || !larger)
        return -ENOMEM;
    r = seal_keys_make(&pool->seal, subject, other, reason, target, keys);
    if (r != 0)
        return r;
    larger = &pool->keys[pool->key_count++];
    *larger = (KeyPoolEntry){.target = target, .keys = TAKE_PTR(keys)};
    if (machine)
        strcpy(larger->machine, machine);
    *ret = larger->keys;
    return 0;
}
