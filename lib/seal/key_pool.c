/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keys for many credentials. See pool.h.
 */

#include "seal/key_pool.h"

#include "base/fsutil.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

struct KeyPoolEntry {
    const Plan *plan;
    char machine[LIMIT_MACHINE_BYTES + 1]; /* "" if they are for one credential alone */
    Keys *keys;
};

static int read_identity(const char *path, Reason *reason, Identity *ret)
{
    _cleanup_(bytes_done) Bytes file = {0};
    int r = file_read_at(AT_FDCWD, path, IDENTITY_MAX_BYTES, reason, &file);

    return r == 0 ? identity_parse(bytes_view(&file), reason, ret) : r;
}

int key_pool_init(const Context *context, const Options *options, Reason *reason, KeyPool *ret)
{
    KeyPool pool = {.context = context, .options = options, .elsewhere = options->host_count > 0};
    int r = pool.elsewhere ? read_identity(options->hosts[0], reason, &pool.host) : 0;

    if (r == 0)
        *ret = pool;
    return r;
}

void key_pool_done(KeyPool *pool)
{
    for (size_t i = 0; i < pool->key_count; i++) {
        keys_done(pool->keys[i].keys);
        free(pool->keys[i].keys);
    }
    for (size_t i = 0; i < pool->plan_count; i++) {
        plan_done(pool->plans[i]);
        free(pool->plans[i]);
    }
    free(pool->keys);
    free(pool->plans);
    identity_done(&pool->host);
    *pool = (KeyPool){0};
}

static int add_plan(KeyPool *pool, Plan *plan, Reason *reason, const Plan **ret)
{
    Plan **larger, *added;
    int r = keys_settle(pool->context, pool->options, reason, plan);

    if (r != 0)
        return r;
    larger = reallocarray(pool->plans, pool->plan_count + 1, sizeof(larger[0]));
    if (!larger)
        return -ENOMEM;
    pool->plans = larger;
    added = malloc(sizeof(*added));
    if (!added)
        return -ENOMEM;
    *added = *plan;
    *plan = (Plan){0};
    pool->plans[pool->plan_count++] = added;
    *ret = added;
    return 0;
}

int key_pool_plan(KeyPool *pool, const CredentialSections *old, Reason *reason, const Plan **ret)
{
    _cleanup_(plan_done) Plan plan = {0};
    int r = plan_make(pool->context, pool->options, pool->elsewhere ? &pool->host : NULL, old,
                      reason, &plan);

    if (r != 0)
        return r;
    if (plan.parts == 0 && !pool->options->allow_null)
        return reason_set(reason, OUTCOME_USAGE,
                          "it would be sealed with the null key, which protects nothing; if that "
                          "is meant, say --allow-null");
    for (size_t i = 0; i < pool->plan_count; i++)
        if (plan_equal(pool->plans[i], &plan)) {
            *ret = pool->plans[i];
            return 0;
        }
    return add_plan(pool, &plan, reason, ret);
}

/* MACHINE's keys that have the TPM key for PLAN. */
static const Keys *find_tpm_key(const KeyPool *pool, const Plan *plan, const char *machine)
{
    for (size_t i = 0; machine && i < pool->key_count; i++)
        if (strcmp(pool->keys[i].machine, machine) == 0 &&
            plan_shares_tpm_key(pool->keys[i].plan, plan))
            return pool->keys[i].keys;
    return NULL;
}

static int add_keys(KeyPool *pool, const Plan *plan, const char *machine, Reason *reason,
                    const Keys **ret)
{
    _cleanup_(freep) Keys *keys = calloc(1, sizeof(*keys));
    KeyPoolEntry *larger;
    int r;

    if (!keys)
        return -ENOMEM;
    larger = reallocarray(pool->keys, pool->key_count + 1, sizeof(larger[0]));
    if (!larger)
        return -ENOMEM;
    pool->keys = larger;
    r = keys_make(pool->context, pool->options, plan, find_tpm_key(pool, plan, machine),
                  pool->joins, reason, keys);
    if (r != 0)
        return r;
    larger = &pool->keys[pool->key_count++];
    *larger = (KeyPoolEntry){.plan = plan, .keys = TAKE_PTR(keys)};
    if (machine)
        strcpy(larger->machine, machine);
    *ret = larger->keys;
    return 0;
}

int key_pool_keys(KeyPool *pool, const Plan *plan, const char *machine, Reason *reason,
                  const Keys **ret)
{
    if (pool->options->fresh_key)
        machine = NULL;
    for (size_t i = 0; machine && i < pool->key_count; i++)
        if (pool->keys[i].plan == plan && strcmp(pool->keys[i].machine, machine) == 0) {
            *ret = pool->keys[i].keys;
            return 0;
        }
    return add_keys(pool, plan, machine, reason, ret);
}
