/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Policies that were read a moment ago.
 *
 * A policy is parsed again only if a file that it was made of, or that would come before one, has
 * changed: that is asked of the file system at every call, so that whatever the administrator
 * writes has its effect with the next request. A file that changed within the last two seconds is
 * not relied on, for it may change once more without that its time shows it. That a machine has no
 * policy is known in the same way. Faults are not kept.
 */

#include "policy/policy.h"

#include "base/context.h"

typedef struct PolicyCache PolicyCache;

/* CONTEXT is borrowed. -ENOMEM. */
int policy_cache_new(const Context *context, PolicyCache **ret);
PolicyCache *policy_cache_free(PolicyCache *cache); /* NULL is allowed */
DEFINE_CLEANUP(PolicyCache *, policy_cache_free);

/* policy_load(); the reference is the caller's. */
int policy_cache_get(PolicyCache *cache, const char *machine, PolicyFault *fault, Policy **ret);

/* How many policies were parsed so far. */
unsigned policy_cache_loads(const PolicyCache *cache);
