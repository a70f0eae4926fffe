/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The decision: from what is known about a peer to the one credential that it may have, or to why
 * it may have none.
 *
 * Pure: no descriptor, no clock, no store. Whether there is such a credential, and whether it was
 * sealed for this machine, is seen later (server/request.h).
 */

#include "base/names.h"
#include "policy/address.h"
#include "policy/unit.h"

#include <sys/types.h>

typedef struct DecisionFacts {
    uid_t peer_uid;      /* SO_PEERCRED; (uid_t)-1 if unknown */
    uid_t trusted_uid;   /* who may ask: 0 on a real system */
    BytesView peer_path; /* sun_path of the peer's address; empty if it has none */
    const UnitTemplates *templates;
} DecisionFacts;

typedef struct Decision {
    int outcome;            /* 0, or the Outcome that it is refused with */
    Reason reason;          /* "" for 0 */
    RequestAddress address; /* as far as it is known, also of a refused request: else "" */
    CredentialName name;    /* the same; machine alone may be set */
} Decision;

void decide(const DecisionFacts *facts, Decision *ret);
