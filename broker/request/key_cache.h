/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The cache of unsealed keys, for the next requests of the same burst.
 *
 * A container's credentials are requested within a moment, and usually contain the same sealed key
 * (store/shared_key.h). So the key that the TPM unsealed for the first one is cached for the
 * others: in a Secret, for key_idle_usec after its last use, for at most key_usec in total, and at
 * most keys_max keys. A timer wipes it; it does not wait for the next request. Time during suspend
 * counts.
 *
 * A key is found by its whole sealed form (tpm_sealed_view_equal()), so a file that differs in one
 * byte of it goes to the TPM. Failures are not cached: the next request tries again.
 */

#include "process/config.h"

#include <systemd/sd-event.h>

typedef struct KeyCache KeyCache;

/* CONFIG is borrowed. */
int key_cache_new(sd_event *event, const ServerConfig *config, KeyCache **ret);
/* Wipes all keys. NULL is allowed. */
KeyCache *key_cache_free(KeyCache *cache);
DEFINE_CLEANUP(KeyCache *, key_cache_free);

/* The cached key of SEALED, or NULL. Borrowed until the next call or event. */
const Secret *key_cache_find(KeyCache *cache, const TpmSealedView *sealed);

/* Caches a copy of KEY, which SEALED unseals to. Does nothing if memory or a timer is lacking. */
void key_cache_add(KeyCache *cache, const TpmSealedView *sealed, const Secret *key);

unsigned key_cache_count(const KeyCache *cache);

/* Wipes all keys, and returns how many there were. */
unsigned key_cache_flush(KeyCache *cache);
