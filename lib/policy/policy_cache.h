/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A cache of policies.
 *
 * A policy is parsed again only if one of its files, or one that would take precedence, has
 * changed. Every call checks this in the file system, so that an edit takes effect with the next
 * request. A file that changed within the last two seconds is not cached, because another change
 * might have the same timestamp. It is also cached that a machine has no policy. Faults are not
 * cached.
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

/* The number of policies parsed so far. */
unsigned policy_cache_loads(const PolicyCache *cache);
