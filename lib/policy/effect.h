/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Finds out what a change of credentials affects: which other credentials change with them, and
 * which inner units must be restarted or reloaded.
 *
 * These are the credential itself, templates that contain it, other machines' shares of it,
 * templates of those, and so on. Pure.
 */

#include "policy/policy.h"

/* A credential that changes, and one of the units that it affects. */
typedef struct PolicyEffect {
    CredentialName name;
    PolicyDelivery delivery;
    const char *unit;    /* borrowed from the policy; NULL: no unit is affected */
    PolicyChange action; /* POLICY_NONE without a unit */
} PolicyEffect;

typedef struct PolicyEffects {
    PolicyEffect *effects; /* CHANGED first, in their order; then each one after its ingredients */
    size_t count;
} PolicyEffects;

void policy_effects_done(PolicyEffects *effects); /* for _cleanup_ */

/* Finds the effects of the CHANGED_COUNT names in CHANGED, according to POLICIES, one per machine;
 * RET borrows from them. A machine without a policy gets its own credentials at boot. Only live
 * delivery affects units. -ENOMEM. */
int policy_effects(Policy *const *policies, size_t count, const CredentialName *changed,
                   size_t changed_count, PolicyEffects *ret);
