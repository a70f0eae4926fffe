/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A cache of policies. See policy_cache.h.
 */

#include "policy/policy_cache.h"

#include "policy/policy_load.h"

#include <errno.h>
#include <string.h>

/* Timestamps of file systems have a resolution of some ms; the coarsest have two seconds. */
#define SETTLED_USEC INT64_C(2000000)

typedef struct Entry {
    char machine[LIMIT_MACHINE_BYTES + 1]; /* "": the entry is free */
    Policy *policy;                        /* NULL: the machine has none */
    PolicyStamps stamps;
    uint64_t used; /* the cache's counter at its last use */
} Entry;

struct PolicyCache {
    const Context *context;
    uint64_t clock;
    unsigned loads;
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

static Entry *find(PolicyCache *cache, const char *machine)
{
    for (size_t i = 0; i < LIMIT_POLICIES; i++) {
        Entry *entry = &cache->entries[i];

        if (strcmp(entry->machine, machine) == 0)
            return entry;
    }
    return NULL;
}

/* Returns a free entry, or the least recently used one. */
static Entry *find_room(PolicyCache *cache)
{
    Entry *oldest = &cache->entries[0];

    for (size_t i = 1; i < LIMIT_POLICIES; i++)
        if (cache->entries[i].used < oldest->used)
            oldest = &cache->entries[i];
    clear(oldest);
    return oldest;
}

/* Whether all files are old enough at NOW (µs since 1970). */
static bool is_settled(const PolicyStamps *stamps, uint64_t now)
{
    for (size_t i = 0; i < stamps->count; i++)
        if (stamps->stamps[i].changed[0] * 1000000 + SETTLED_USEC > (int64_t)now)
            return false;
    return true;
}

static int load(PolicyCache *cache, const char *machine, PolicyFault *fault, Policy **ret)
{
    _cleanup_(policy_stamps_done) PolicyStamps stamps = {0};
    int r = policy_load(cache->context, machine, fault, &stamps, ret);
    Entry *entry;

    cache->loads++;
    if ((r != 0 && r != OUTCOME_NOT_FOUND) || !machine_name_valid(machine) ||
        !is_settled(&stamps, cache->context->now(cache->context)))
        return r;
    entry = find_room(cache);
    *entry = (Entry){.stamps = TAKE(stamps), .used = cache->clock};
    strcpy(entry->machine, machine); /* its length was checked */
    if (r == 0)
        entry->policy = policy_ref(*ret);
    return r;
}

int policy_cache_get(PolicyCache *cache, const char *machine, PolicyFault *fault, Policy **ret)
{
    Entry *entry = find(cache, machine);

    cache->clock++;
    if (entry && policy_stamps_match(&entry->stamps)) {
        entry->used = cache->clock;
        if (!entry->policy)
            return OUTCOME_NOT_FOUND;
        *ret = policy_ref(entry->policy);
        return 0;
    }
    if (entry)
        clear(entry);
    return load(cache, machine, fault, ret);
}

unsigned policy_cache_loads(const PolicyCache *cache)
{
    return cache->loads;
}
