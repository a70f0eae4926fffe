/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A cache of policies. See policy_cache.h.
 */

#include "policy/policy_cache.h"

#include "policy/policy_load.h"

#include <errno.h>
#include <string.h>

typedef struct Entry {
    Policy *policy; /* NULL: the entry is free */
    uint64_t used;  /* the cache's counter at its last use */
} Entry;

struct PolicyCache {
    const Context *context;
    uint64_t clock;
    Entry entries[LIMIT_POLICIES];
};

int policy_cache_new(const Context *context, PolicyCache **ret)
{
    PolicyCache *cache = calloc(1, sizeof(*cache));

    if (!cache)
        return -ENOMEM;
    cache->context = context;
    *ret = cache;
    return 0;
}

PolicyCache *policy_cache_free(PolicyCache *cache)
{
    if (cache) {
        for (size_t i = 0; i < LIMIT_POLICIES; i++)
            policy_unref(cache->entries[i].policy);
        free(cache);
    }
    return NULL;
}

/* The entry of MACHINE, else the least recently used one. */
static Entry *find(PolicyCache *cache, const char *machine)
{
    Entry *oldest = &cache->entries[0];

    for (size_t i = 0; i < LIMIT_POLICIES; i++) {
        Entry *entry = &cache->entries[i];

        if (entry->policy && strcmp(entry->policy->machine, machine) == 0)
            return entry;
        if (entry->used < oldest->used)
            oldest = entry;
    }
    return oldest;
}

int policy_cache_get(PolicyCache *cache, const char *machine, PolicyFault *fault, Policy **ret)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    int r = policy_read(cache->context, machine, fault, &policy);
    Entry *entry;

    if (r != 0)
        return r;
    entry = find(cache, machine);
    if (!entry->policy || !policy_files_equal(entry->policy, policy)) {
        r = policy_parse(policy, fault);
        if (r != 0)
            return r;
        policy_unref(entry->policy);
        entry->policy = TAKE_PTR(policy);
    }
    entry->used = ++cache->clock;
    *ret = policy_ref(entry->policy);
    return 0;
}
