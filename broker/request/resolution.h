/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Resolution: finds out, from the machine's policy, which credentials a requested one is made of.
 *
 * Most credentials are one sealed file. A template contains others, which may be templates. A share
 * is a credential of another machine, whose own policy then applies. The result is a list of
 * ingredients without duplicates, each after those that it needs; the requested one is the last.
 *
 * A machine without a policy gets what the store contains for it.
 */

#include "base/base64.h"
#include "credential/open.h"
#include "policy/decision.h"
#include "policy/policy_load.h"
#include "request/generated_secret.h"

typedef struct Ingredient {
    CredentialName name; /* also the name that it is sealed under */
    PolicySource source; /* never POLICY_SHARE, which resolves to another ingredient */
    Policy *policy;      /* a reference; NULL without a policy */
    const PolicyCredential *credential; /* in .policy; NULL without a policy */
    size_t *placeholders; /* of a POLICY_TEMPLATE, in order: the ingredient's index; else NULL */

    /* set by request/request.c */
    Bytes sealed;                /* the sealed file, raw */
    CredentialSections sections; /* of it */
    const Secret *host_key;      /* borrowed from the host resources; NULL if not needed */
    Secret *value;               /* NULL until opened */
    bool missing;                /* POLICY_GENERATE, and not in the store */
    GeneratedSecret generated;
    bool loaded;                    /* it is a file in its place, not one that is to be stored */
    char digest[DIGEST_TEXT_BYTES]; /* of a loaded file that is generated or needs the TPM; or "" */
    bool predecessor;               /* .sealed is the predecessor of that file */
} Ingredient;

typedef struct Resolution {
    Ingredient *ingredients;
    size_t count;
} Resolution;

void resolution_done(Resolution *resolution); /* for _cleanup_ */

/* Resolves NAME, if its policy allows PURPOSE. Returns 0, OUTCOME_NOT_IN_POLICY, OUTCOME_BAD_POLICY
 * (also if it contains itself through other machines), what decide_purpose() returns, or -ENOMEM.
 */
int resolve(PolicyCache *policies, const CredentialName *name, const Purpose *purpose,
            Reason *reason, Resolution *ret);

/* Looks NAME up in its machine's policy. RET_POLICY is a new reference, and RET points into it.
 * Both must be NULL before, and stay NULL if the machine has no policy. OUTCOME_NOT_IN_POLICY,
 * OUTCOME_BAD_POLICY, -ENOMEM. */
int resolution_look_up(PolicyCache *policies, const CredentialName *name, Reason *reason,
                       Policy **ret_policy, const PolicyCredential **ret);
