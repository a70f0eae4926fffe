/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a machine's policy says about a credential in the store.
 */

#include "base/context.h"
#include "policy/policy.h"

typedef enum PolicyStatusKind {
    POLICY_STATUS_NO_POLICY, /* there is no policy: the broker serves what the store holds */
    POLICY_STATUS_USED,      /* the policy takes it from the store */
    POLICY_STATUS_ELSEWHERE, /* the policy takes it from another source */
    POLICY_STATUS_MISSING,   /* the policy does not list it: the broker refuses it */
    POLICY_STATUS_BAD,       /* the policy is not valid: the broker refuses everything */
} PolicyStatusKind;

typedef struct PolicyStatus {
    PolicyStatusKind kind;
    PolicySource source;                    /* USED, ELSEWHERE */
    PolicyDelivery delivery;                /* USED */
    const char *key_type;                   /* that the policy requires; NULL: any */
    char fleet[LIMIT_FLEET_NAME_BYTES + 1]; /* that owns it, "" for none: ELSEWHERE */
    Reason fault;                           /* BAD */
} PolicyStatus;

/* -ENOMEM. */
int policy_status_find(const Context *context, const CredentialName *name, PolicyStatus *ret);

/* A word, for JSON. */
const char *policy_status_word(const PolicyStatus *status);

/* Writes a phrase without a full stop, for a table. */
void policy_status_describe(const PolicyStatus *status, Reason *ret);

/* Writes a sentence: when NAME, which was just stored, will be used, and what is left to do. */
void policy_status_advise(const PolicyStatus *status, const CredentialName *name, Reason *ret);
