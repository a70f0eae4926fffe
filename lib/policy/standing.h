/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What its machine's policy says of a credential in the store.
 */

#include "base/context.h"
#include "policy/policy.h"

typedef enum StandingKind {
    STANDING_NO_POLICY, /* the machine has none: the broker serves whatever is in the store */
    STANDING_USED,      /* the policy takes it from the store */
    STANDING_ELSEWHERE, /* it takes it from somewhere else */
    STANDING_MISSING,   /* it does not have it: the broker refuses it */
    STANDING_BAD,       /* it is not as it must be: the broker refuses all */
} StandingKind;

typedef struct Standing {
    StandingKind kind;
    PolicySource source;     /* USED, ELSEWHERE */
    PolicyDelivery delivery; /* USED */
    Reason fault;            /* BAD */
} Standing;

/* -ENOMEM. */
int standing_find(const Context *context, const CredentialName *name, Standing *ret);

/* A word for JSON. */
const char *standing_word(const Standing *standing);

/* A phrase for a table, without full stop. */
void standing_describe(const Standing *standing, Reason *ret);

/* One line on standard error: what is to be done to have NAME, which was just written, used. */
void standing_advise(const Standing *standing, const CredentialName *name);
