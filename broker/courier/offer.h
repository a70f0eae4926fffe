/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A set that the courier offers (protocol/io.nspawn-creds.Courier.varlink), on its way from the
 * bundle to the commit.
 *
 *     offer_new ──► judged ──► offer_add, for each missing file ──► offer_accept ──► committed
 *
 * The courier is not trusted. A child judges the bundle (fleet/bundle.h), and nothing else of it is
 * read before. Files must have the digests of the manifest that was signed. Then each new one is
 * opened as a trial (request/request.h), when the event loop and the TPM have nothing else to do,
 * so that containers come first. All of the set is committed, or nothing.
 */

#include "courier/refusals.h"
#include "request/connection.h"
#include "request/peer.h"

typedef struct Offer Offer;

typedef struct OfferOrder {
    ConnectionSet *connections; /* borrowed until the offer is freed, like .refusals */
    Refusals *refusals;
    Peer peer;
    /* The offer was judged, or it was accepted. RC is 0 or says why not. The callee may free the
     * offer. */
    void (*done)(void *userdata, int rc, const Reason *reason);
    void *userdata;
} OfferOrder;

/* Begins to judge BUNDLE, the text of a file, as an offer to the fleet FLEET. .done is called with
 * what bundle_judge(), fleet_config_…() and fleet_host_read() return, or what the same bundle was
 * refused with shortly before. Returns 0;
 * OUTCOME_NOT_FOUND if FLEET cannot be a fleet; or a negative errno. */
int offer_new(const OfferOrder *order, const char *fleet, const char *bundle, Reason *reason,
              Offer **ret);
Offer *offer_free(Offer *offer); /* a commit that has begun goes on; NULL is allowed */
DEFINE_CLEANUP(Offer *, offer_free);

/* Whether .done will be called. */
bool offer_is_busy(const Offer *offer);

/* --- when it was judged, and is not busy --- */

/* Whether there is a signed report that it was refused: for Offer only if the bundle has a
 * statement, and never on a host without a key for reports. */
bool offer_has_report(const Offer *offer);

/* The reply to Offer, or to Commit if it was COMMITTED, with the outcome RC, to be released. */
struct json_object *offer_describe(const Offer *offer, bool committed, int rc,
                                   const Reason *reason);

/* --- OFFER may be NULL, or of another fleet than FLEET: OUTCOME_USAGE --- */

/* Adds the file with DIGEST. OUTCOME_USAGE if no such file is missing; OUTCOME_NOT_SIGNED if it is
 * another file; what commit_check_sealed() returns; -ENOMEM. */
int offer_add(Offer *offer, const char *fleet, const char *digest, BytesView file, Reason *reason);

/* How many bytes were added that are not being committed yet; 0 for NULL. */
size_t offer_staged(const Offer *offer);

/* Begins to open and to commit. Returns 0, OUTCOME_USAGE if a file is missing, or a negative errno;
 * .done is called with what request_…() returns, and store_commit(). */
int offer_accept(Offer *offer, const char *fleet, Reason *reason);
