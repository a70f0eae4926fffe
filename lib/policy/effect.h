/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What follows from the change of credentials: which others change with them, and which inner units
 * are to be told.
 *
 * A credential itself, templates that have a place for it, what is shared of it by other machines,
 * templates of that, and so on, as policies say. Pure: policies in, effects out.
 */

#include "policy/policy.h"

/* One credential that changes, and one of the units that are to be told. */
typedef struct PolicyEffect {
    CredentialName name;
    PolicyDelivery delivery;
    const char *unit;    /* the policy's; NULL: nothing is to be done with any unit */
    PolicyChange action; /* POLICY_NONE without a unit */
} PolicyEffect;

typedef struct PolicyEffects {
    PolicyEffect *effects; /* CHANGED first, in their order; then each behind what it is made of */
    size_t count;
} PolicyEffects;

void policy_effects_done(PolicyEffects *effects); /* for _cleanup_ */

/* What follows from the CHANGED_COUNT names in CHANGED, according to POLICIES, one a machine, which
 * are borrowed by RET. A machine without a policy is taken to have its own for delivery at boot.
 * Only what is delivered live reaches a unit; nothing else is said to be done with one. -ENOMEM. */
int policy_effects(Policy *const *policies, size_t count, const CredentialName *changed,
                   size_t changed_count, PolicyEffects *ret);
