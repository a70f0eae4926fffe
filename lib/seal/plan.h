/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a credential is to be sealed with, before there are keys. The options say so; what they
 * leave open is as in the older credential that is sealed anew, or, where there is none, as systemd
 * would have it.
 */

#include "base/context.h"
#include "credential/format.h"
#include "credential/identity.h"
#include "options.h"

typedef struct Plan {
    const Identity *host;     /* who is to open it, borrowed; NULL: this host */
    unsigned parts;           /* KeyTypes, without KIND_PINNED */
    bool automatic;           /* --with-key=auto: what is not there is left out */
    unsigned version;         /* of systemd, which is to open it */
    TpmPcrs pcrs;             /* literal ones */
    Bytes public_key;         /* KIND_PUBLIC_KEY: who signs for PCRs (PEM) */
    uint64_t public_key_mask; /* with public_key: for which ones */
    const Kind *kind;         /* what comes of it: keys_settle() */
} Plan;

void plan_done(Plan *plan); /* for _cleanup_ */

/* OLD may be NULL. What is kept of OLD, without an option about it: host key, TPM, user, signed
 * policy; PCRs, with their present values; never the form, which follows the version of systemd.
 * OUTCOME_USAGE for a public key that is wanted and not there, or what HOST cannot have;
 * OUTCOME_UNSUPPORTED if there is no such kind. */
int plan_make(const Context *context, const Options *options, const Identity *host,
              const CredentialSections *old, Reason *reason, Plan *ret);

/* Whether the same comes of both; does not look at .kind. */
bool plan_equal(const Plan *a, const Plan *b);

/* Whether the same TPM-sealed key will do for both, which are settled: with the host key and
 * without. */
bool plan_shares_tpm_key(const Plan *a, const Plan *b);
