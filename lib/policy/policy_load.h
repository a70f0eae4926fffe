/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Finds and loads a machine's policy. The search path is:
 *
 *     /etc/nspawn-creds/MACHINE.json            for the administrator
 *     /run/nspawn-creds/policy/MACHINE.json     for programs
 *     /usr/lib/nspawn-creds/MACHINE.json        for packages
 *
 * The first existing file is used; an empty one, or a link to /dev/null, hides later ones. Then
 * come the drop-ins, MACHINE.json.d/NAME.json in all three directories, sorted by NAME. For the
 * same name the first one is used, and an empty one hides the others.
 *
 * A file that exists but cannot be read, for whatever reason, makes the policy invalid. It never
 * counts as missing.
 */

#include "base/array.h"
#include "base/context.h"
#include "policy/policy.h"

/* Reads and checks the policy of MACHINE. OUTCOME_NOT_FOUND if it has none; OUTCOME_BAD_POLICY;
 * -ENOMEM. */
int policy_load(const Context *context, const char *machine, PolicyFault *fault, Policy **ret);

/* The same for who loads all policies: looks for drop-ins only where policy_machines() has found
 * some. A thousand machines without drop-ins take a quarter less of the processor. */
int policy_load_from(const Context *context, const char *machine, unsigned drop_ins,
                     PolicyFault *fault, Policy **ret);

/* Lists the machines with policy files, sorted by name; a name may be invalid. The caller
 * frees them with strings_free(). Of directories that cannot be read the machines are missing;
 * FAULT, which may be NULL, is then set for one of them, and otherwise left as it is. RET_DROP_INS
 * has a bit for each directory of the search path in which any machine has drop-ins; it may be
 * NULL. */
int policy_machines(const Context *context, PolicyFault *fault, unsigned *ret_drop_ins,
                    char ***ret);

/* Reads the policy file PATH; RET is empty if it hides others. OUTCOME_NOT_FOUND;
 * OUTCOME_BAD_POLICY if it cannot be read or must not be trusted; -ENOMEM. */
int policy_file_read(const char *path, PolicyFault *fault, Bytes *ret);

/* --- a cache of parsed policies ---
 *
 * Every call looks whether a path on which the policy depends has changed, and loads it again if
 * one has, so that an edit takes effect with the next request. What changed a moment ago is not
 * cached. It is also cached that a machine has no policy, but no faults. */

typedef struct PolicyCache PolicyCache;

/* CONTEXT is borrowed. -ENOMEM. */
int policy_cache_new(const Context *context, PolicyCache **ret);
PolicyCache *policy_cache_free(PolicyCache *cache); /* NULL is allowed */
DEFINE_CLEANUP(PolicyCache *, policy_cache_free);

/* Like policy_load(). Returns a new reference. */
int policy_cache_get(PolicyCache *cache, const char *machine, PolicyFault *fault, Policy **ret);
