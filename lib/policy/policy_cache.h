/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A cache of parsed policies.
 *
 * Every call reads the machine's files, and parses them only if their names or content differ from
 * those of the cached policy, so that an edit takes effect with the next request, whatever its
 * timestamp. Parsing is what takes time. Faults are not cached.
 */

#include "policy/policy.h"

#include "base/context.h"

typedef struct PolicyCache PolicyCache;

/* CONTEXT is borrowed. -ENOMEM. */
int policy_cache_new(const Context *context, PolicyCache **ret);
PolicyCache *policy_cache_free(PolicyCache *cache); /* NULL is allowed */
DEFINE_CLEANUP(PolicyCache *, policy_cache_free);

/* Like policy_load(). Returns a new reference. */
int policy_cache_get(PolicyCache *cache, const char *machine, PolicyFault *fault, Policy **ret);
