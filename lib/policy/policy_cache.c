/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/policy_cache.h"

#include "policy/policy_load.h"

#include <errno.h>
#include <string.h>

typedef struct Entry {
    char machine[LIMIT_MACHINE_BYTES + 1]; /* "": the entry is free */
    Policy *policy;                        /* NULL: the machine has none */
    PolicyStamps stamps;
    uint64_t used; /* the cache's counter at its last use */
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

static void clear(Entry *entry)
{
    policy_unref(entry->policy);
    policy_stamps_done(&entry->stamps);
    *entry = (Entry){0};
}

PolicyCache *policy_cache_free(PolicyCache *cache)
{
    if (cache) {
        for (size_t i = 0; i < LIMIT_POLICIES; i++)
            clear(&cache->entries[i]);
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

        if (strcmp(entry->machine, machine) == 0)
            return entry;
        if (entry->used < oldest->used)
            oldest = entry;
    }
    return oldest;
}

int policy_cache_get(PolicyCache *cache, const char *machine, PolicyFault *fault, Policy **ret)
{
    _cleanup_(policy_stamps_done) PolicyStamps stamps = {0};
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    Entry *entry = find(cache, machine);
    int r;

    if (strcmp(entry->machine, machine) != 0 || !policy_stamps_match(&entry->stamps)) {
        r = policy_load_from(cache->context, machine, POLICY_EVERYWHERE, &stamps, fault, &policy);
        if (r != 0 && r != OUTCOME_NOT_FOUND)
            return r;
        if (stamps.settling || !machine_name_valid(machine)) {
            if (r == 0)
                *ret = TAKE_PTR(policy);
            return r;
        }
        clear(entry);
        *entry = (Entry){.policy = TAKE_PTR(policy), .stamps = TAKE(stamps)};
        strcpy(entry->machine, machine); /* its length was checked */
    }
    entry->used = ++cache->clock;
    if (!entry->policy)
        return OUTCOME_NOT_FOUND;
    *ret = policy_ref(entry->policy);
    return 0;
}
