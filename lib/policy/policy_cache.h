/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A cache of parsed policies.
 *
 * Every call looks whether a path on which the policy depends has changed, and loads it again if
 * one has, so that an edit takes effect with the next request. What changed a moment ago is not
 * cached. It is also cached that a machine has no policy, but no faults.
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
