/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A list, the most recently used key first: there are few, and comparing 200 bytes costs nothing
 * compared with decryption. One timer is set to the time at which the next key expires. An expired
 * key is never returned, even if the timer is late.
 */

#include "request/key_cache.h"

#include <errno.h>
#include <time.h>

/* It continues during suspend. */
#define CLOCK CLOCK_BOOTTIME

typedef struct Entry Entry;

struct Entry {
    Entry *next;
    TpmSealed sealed;
    Secret *key;
    uint64_t added; /* CLOCK, µs */
    uint64_t used;
};

struct KeyCache {
    const ServerConfig *config;
    sd_event *event;
    sd_event_source *expiry;
    Entry *first;
};

static Entry *entry_free(Entry *entry)
{
    secret_free(entry->key);
    tpm_sealed_done(&entry->sealed);
    free(entry);
    return NULL;
}
DEFINE_CLEANUP(Entry *, entry_free);

/* Removes and wipes the entry at LINK. */
static void drop(Entry **link)
{
    Entry *entry = *link;

    *link = entry->next;
    entry_free(entry);
}

static void drop_all(KeyCache *cache)
{
    while (cache->first)
        drop(&cache->first);
}

/* --- time --- */

static uint64_t end_of(const KeyCache *cache, const Entry *entry)
{
    uint64_t idle = entry->used + cache->config->key_idle_usec;
    uint64_t total = entry->added + cache->config->key_usec;

    return idle < total ? idle : total;
}

static void drop_expired(KeyCache *cache, uint64_t now)
{
    Entry **link = &cache->first;

    while (*link)
        if (end_of(cache, *link) <= now)
            drop(link);
        else
            link = &(*link)->next;
}

/* Sets the timer to the next key's end. If that fails, all keys are wiped. */
static void update_timer(KeyCache *cache)
{
    uint64_t next = USEC_INFINITY;
    int r;

    for (const Entry *entry = cache->first; entry; entry = entry->next)
        if (end_of(cache, entry) < next)
            next = end_of(cache, entry);
    r = sd_event_source_set_time(cache->expiry, next);
    if (r >= 0)
        r = sd_event_source_set_enabled(cache->expiry,
                                        cache->first ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
    if (r < 0)
        drop_all(cache);
}

static int on_expiry(sd_event_source *, uint64_t usec, void *userdata)
{
    KeyCache *cache = userdata;
    uint64_t now = usec;

    if (sd_event_now(cache->event, CLOCK, &now) < 0)
        drop_all(cache);
    drop_expired(cache, now);
    update_timer(cache);
    return 0;
}

/* --- use --- */

/* Where SEALED's entry is linked; NULL if there is none. */
static Entry **find(KeyCache *cache, const TpmSealedView *sealed)
{
    for (Entry **link = &cache->first; *link; link = &(*link)->next)
        if (tpm_sealed_is(&(*link)->sealed, sealed))
            return link;
    return NULL;
}

const Secret *key_cache_find(KeyCache *cache, const TpmSealedView *sealed)
{
    Entry **link, *entry;
    uint64_t now;

    if (!cache->first || sd_event_now(cache->event, CLOCK, &now) < 0)
        return NULL;
    drop_expired(cache, now);
    link = find(cache, sealed);
    if (!link)
        return NULL;
    entry = *link;
    *link = entry->next;
    entry->next = cache->first;
    cache->first = entry;
    entry->used = now;
    update_timer(cache);
    return cache->first ? cache->first->key : NULL;
}

/* Makes room for one more; the least recently used keys go. */
static void make_room(KeyCache *cache)
{
    Entry **link = &cache->first;

    for (unsigned i = 1; *link && i < cache->config->keys_max; i++)
        link = &(*link)->next;
    while (*link)
        drop(link);
}

void key_cache_add(KeyCache *cache, const TpmSealedView *sealed, const Secret *key)
{
    _cleanup_(entry_freep) Entry *entry = calloc(1, sizeof(*entry));
    Entry **older;
    uint64_t now;

    if (!entry || cache->config->keys_max == 0 || sd_event_now(cache->event, CLOCK, &now) < 0)
        return;
    if (tpm_sealed_dup(sealed, &entry->sealed) != 0 ||
        secret_new_from(secret_view(key), NULL, &entry->key) != 0)
        return;
    entry->added = entry->used = now;
    older = find(cache, sealed); /* each key has one age */
    if (older)
        drop(older);
    make_room(cache);
    entry->next = cache->first;
    cache->first = TAKE_PTR(entry);
    update_timer(cache);
}

unsigned key_cache_count(const KeyCache *cache)
{
    unsigned count = 0;

    for (const Entry *entry = cache->first; entry; entry = entry->next)
        count++;
    return count;
}

unsigned key_cache_flush(KeyCache *cache)
{
    unsigned count = key_cache_count(cache);

    drop_all(cache);
    update_timer(cache);
    return count;
}

/* --- the whole --- */

int key_cache_new(sd_event *event, const ServerConfig *config, KeyCache **ret)
{
    _cleanup_(key_cache_freep) KeyCache *cache = calloc(1, sizeof(*cache));
    int r;

    if (!cache)
        return -ENOMEM;
    cache->config = config;
    cache->event = sd_event_ref(event);
    /* an accuracy of 1 µs, because the default may be 250 ms late */
    r = sd_event_add_time(event, &cache->expiry, CLOCK, USEC_INFINITY, 1, on_expiry, cache);
    if (r >= 0)
        r = sd_event_source_set_enabled(cache->expiry, SD_EVENT_OFF);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(cache);
    return 0;
}

KeyCache *key_cache_free(KeyCache *cache)
{
    if (cache) {
        drop_all(cache);
        sd_event_source_disable_unref(cache->expiry);
        sd_event_unref(cache->event);
        free(cache);
    }
    return NULL;
}
