/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a machine's credential is made of, as its policy says.
 *
 * Most credentials are one sealed file. A template is made of others, which may be templates, and
 * what is shared is another machine's, whose own policy then counts. All of it becomes one list of
 * parts, each behind those that it needs and none twice; the last is what was asked for.
 *
 * A machine without a policy has what is in the store.
 */

#include "policy/decision.h"
#include "policy/policy_cache.h"

typedef struct Ingredient {
    CredentialName name;                /* whose it is, and what it is sealed as */
    PolicySource source;                /* never POLICY_SHARE: that is the part that it leads to */
    Policy *policy;                     /* a reference; NULL without a policy */
    const PolicyCredential *credential; /* of it; NULL without a policy */
    size_t *ingredients; /* POLICY_TEMPLATE: the part for each place, in order; else NULL */
} Ingredient;

typedef struct Resolution {
    Ingredient *parts;
    size_t count;
} Resolution;

void resolution_done(Resolution *resolution); /* for _cleanup_ */

/* What NAME is made of, if it is for PURPOSE. OUTCOME_NOT_IN_POLICY; OUTCOME_BAD_POLICY, also for
 * what is made of itself across machines; -ENOMEM. */
int resolve(PolicyCache *policies, const CredentialName *name, const Purpose *purpose,
            Reason *reason, Resolution *ret);
