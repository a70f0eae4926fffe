/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Decides which credential a peer may have, or why it may have none.
 *
 * Pure: no descriptor, no clock, no store. Whether the credential exists, and whether it was sealed
 * for this machine, is checked later (broker/request/request.h).
 *
 * A peer on the service manager's socket must be root, and root chose its address. A peer on a
 * machine's live socket is that machine, whatever user and unit it claims to be, because its root
 * chooses both. There the unit is only a second check, within the machine.
 */

#include "base/names.h"
#include "policy/address.h"
#include "policy/policy.h"
#include "policy/unit.h"

#include <sys/types.h>

typedef struct DecisionFacts {
    const char
        *live_machine;   /* the machine of the live socket; NULL for the service manager's socket */
    uid_t peer_uid;      /* SO_PEERCRED; (uid_t)-1 if unknown */
    uid_t trusted_uid;   /* who may ask; 0 on a real system */
    BytesView peer_path; /* sun_path of the peer's address; empty if it has none */
    const UnitTemplates *templates;
} DecisionFacts;

/* The purpose of a request. */
typedef struct Purpose {
    PolicyDelivery delivery; /* POLICY_BOOT or POLICY_LIVE */
    const char *unit;        /* POLICY_LIVE: the unit in the machine that asks */
} Purpose;

typedef struct Decision {
    int outcome;            /* 0, or the Outcome that it is refused with */
    Reason reason;          /* "" for 0 */
    RequestAddress address; /* as far as known, even for a refused request; else "" */
    CredentialName name;    /* the same; machine alone may be set */
} Decision;

void decide(const DecisionFacts *facts, Decision *ret);

/* The purpose for which the machine gets CREDENTIAL, NULL without a policy. */
Purpose decision_purpose(const PolicyCredential *credential);

/* Whether the machine may have NAME for PURPOSE, according to CREDENTIAL in its POLICY; both are
 * NULL if it has no policy. 0 or OUTCOME_NOT_IN_POLICY. */
int decide_purpose(const Policy *policy, const PolicyCredential *credential,
                   const CredentialName *name, const Purpose *purpose, Reason *reason);
