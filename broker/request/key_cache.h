/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Keys that the TPM unsealed, for the next requests of the same burst.
 *
 * A container's credentials are asked for within a moment, and all carry the same sealed key
 * (store/shared_key.h), so what the TPM gave for the first is kept for the others: in a Secret, for
 * key_idle_usec after its last use, never longer than key_usec in all, and no more than keys_max of
 * them. Then it is wiped, by a timer and not by the next request. Time that the machine sleeps
 * counts.
 *
 * A key is found by all that stands in a credential about it (tpm_sealed_view_equal()): a file with
 * any other byte there asks the TPM. Failures are not kept: the next request tries again.
 */

#include "process/config.h"

#include <systemd/sd-event.h>

typedef struct KeyCache KeyCache;

/* CONFIG is borrowed. */
int key_cache_new(sd_event *event, const ServerConfig *config, KeyCache **ret);
/* Wipes all. NULL is allowed. */
KeyCache *key_cache_free(KeyCache *cache);
DEFINE_CLEANUP(KeyCache *, key_cache_free);

/* The key that SEALED is known to unseal to, or NULL. Borrowed until the next call or event. */
const Secret *key_cache_find(KeyCache *cache, const TpmSealedView *sealed);

/* Keeps a copy of KEY, which SEALED unseals to. If there is no memory for it, or time cannot be
 * kept, the key is simply not known. */
void key_cache_add(KeyCache *cache, const TpmSealedView *sealed, const Secret *key);

unsigned key_cache_count(const KeyCache *cache);

/* Wipes all. */
void key_cache_flush(KeyCache *cache);
