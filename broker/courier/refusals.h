/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Offers that were refused a moment ago. A courier that repeats them costs neither signatures nor
 * the TPM. A bundle that signers stand for is known by its statement, because the
 * courier could change the rest. The journal has one entry for it, and for each outcome. What
 * signers stand for is refused by the next broker, too: the host's report of it is in the fleet's
 * store. Both are forgotten when root resets the fleet.
 */

#include "base/base64.h"
#include "fleet/report.h"
#include "process/config.h"
#include "request/peer.h"
#include "request/store_job.h"

typedef struct Refusals Refusals;
int refusals_new(Refusals **ret); /* -ENOMEM */
Refusals *refusals_free(Refusals *refusals);
DEFINE_CLEANUP(Refusals *, refusals_free);

/* The state that an offer was compared with. */
typedef struct RefusalBasis {
    char digest[DIGEST_TEXT_BYTES];
} RefusalBasis;

/* The basis of FLEET's judgements now: another one whenever root has changed the fleet's
 * configuration, signers or identity or has reset it, and when a set was accepted. */
void refusal_basis(const ServerConfig *config, const char *fleet, RefusalBasis *ret);

/* An offer to FLEET with DIGEST. */
typedef struct RefusedOffer {
    const char *fleet;
    const char *digest;
    const RefusalBasis *basis;
} RefusedOffer;

/* The outcome with which OFFER is refused until a pause is over or the basis changes, or 0; and the
 * host's signed report of that, if there is one. There is no pause after an outcome that is about
 * the host's own configuration. */
int refusals_find(Refusals *refusals, const RefusedOffer *offer, Reason *reason, Bytes *ret_report);

/* Remembers that OFFER was refused with RC. REPORT is the host's, or empty. Returns whether that is
 * news: of another offer of this fleet it was said a moment ago. */
bool refusals_add(Refusals *refusals, const RefusedOffer *offer, int rc, const Reason *reason,
                  BytesView report);

/* Writes REPORT for the next broker, in the name of PEER, so that it keeps the pause. Only signers
 * can make statements for which that happens, and each only once in a pause. Nobody waits for it.
 */
void refusals_write(StoreQueue *store, const char *fleet, const Peer *peer, BytesView report);

/* The outcome with which an earlier broker refused the statement with DIGEST, if the pause is not
 * over NOW, or 0. For a child. RET_REPORT is the host's report of it. */
int refusals_read(const ServerConfig *config, const char *fleet, const char *digest, uint64_t now,
                  Reason *reason, Bytes *ret_report);
