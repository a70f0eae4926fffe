/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What its machine's policy says of a credential in the store.
 */

#include "base/context.h"
#include "policy/policy.h"

typedef enum PolicyStatusKind {
    POLICY_STATUS_NO_POLICY, /* the machine has none: the broker serves whatever is in the store */
    POLICY_STATUS_USED,      /* the policy takes it from the store */
    POLICY_STATUS_ELSEWHERE, /* it takes it from somewhere else */
    POLICY_STATUS_MISSING,   /* it does not have it: the broker refuses it */
    POLICY_STATUS_BAD,       /* it is not as it must be: the broker refuses all */
} PolicyStatusKind;

typedef struct PolicyStatus {
    PolicyStatusKind kind;
    PolicySource source;     /* USED, ELSEWHERE */
    PolicyDelivery delivery; /* USED */
    Reason fault;            /* BAD */
} PolicyStatus;

/* -ENOMEM. */
int policy_status_find(const Context *context, const CredentialName *name, PolicyStatus *ret);

/* A word for JSON. */
const char *policy_status_word(const PolicyStatus *status);

/* A phrase for a table, without full stop. */
void policy_status_describe(const PolicyStatus *status, Reason *ret);

/* A sentence: when NAME, which was just written, is used, and what to do until it is. */
void policy_status_advise(const PolicyStatus *status, const CredentialName *name, Reason *ret);
