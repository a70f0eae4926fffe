/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The decision: from what is known about a peer to the one credential that it may have, or to why
 * it may have none.
 *
 * Pure: no descriptor, no clock, no store. Whether there is such a credential, and whether it was
 * sealed for this machine, is seen later (server/request.h).
 *
 * Who comes in on the service manager's socket must be root, and its address is root's word. Who
 * comes in on a machine's live socket is that machine, whatever user and unit it claims to be: its
 * root chooses both. There the unit is a second gate, within the machine.
 */

#include "base/names.h"
#include "policy/address.h"
#include "policy/policy.h"
#include "policy/unit.h"

#include <sys/types.h>

typedef struct DecisionFacts {
    const char *live_machine; /* whose live socket it came in on; NULL for the service manager's */
    uid_t peer_uid;           /* SO_PEERCRED; (uid_t)-1 if unknown */
    uid_t trusted_uid;        /* who may ask: 0 on a real system */
    BytesView peer_path;      /* sun_path of the peer's address; empty if it has none */
    const UnitTemplates *templates;
} DecisionFacts;

/* What a credential is asked for. */
typedef struct Purpose {
    PolicyDelivery delivery; /* POLICY_BOOT or POLICY_LIVE */
    const char *unit;        /* POLICY_LIVE: the unit in the machine that wants it */
} Purpose;

typedef struct Decision {
    int outcome;            /* 0, or the Outcome that it is refused with */
    Reason reason;          /* "" for 0 */
    RequestAddress address; /* as far as it is known, also of a refused request: else "" */
    CredentialName name;    /* the same; machine alone may be set */
} Decision;

void decide(const DecisionFacts *facts, Decision *ret);

/* Whether the machine may have NAME for PURPOSE, by its POLICY, which has CREDENTIAL; both are NULL
 * if it has no policy. 0 or OUTCOME_NOT_IN_POLICY. */
int decide_purpose(const Policy *policy, const PolicyCredential *credential,
                   const CredentialName *name, const Purpose *purpose, Reason *reason);
