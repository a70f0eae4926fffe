/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The store, as the verbs that change it see it.
 *
 * Changes go over the control socket where the broker can be reached, so that
 * it is the broker's own work, and directly into the store where it cannot: nothing here needs a
 * daemon, and each change leaves its audit entry either way. Sealed files are read from the store
 * itself. With --store=PATH all of it is done there.
 */

#include "audit/journal.h"
#include "credential/format.h"
#include "fleet/fleet_set.h"
#include "protocol/client.h"
#include "seal/unsealer.h"
#include "store/commit.h"

typedef struct StoreClient {
    const char *path; /* borrowed */
    const Observer *observer;
    Store *store;
    const char *control; /* the broker's control socket; NULL if it does not serve this store */
    unsigned history;    /* how many earlier values are kept where the broker is not there */
    AuditSink *audit;    /* for changes that the broker does not make; or NULL */
} StoreClient;

/* Opens the store PATH. INSTALLED: it is the host's, which the broker serves; another one is
 * changed directly. OUTCOME_BROKER_UNREACHABLE is not among its returns. */
int store_client_open(const char *path, bool installed, const Observer *observer, Reason *reason,
                      StoreClient *ret);
void store_client_done(StoreClient *store); /* for _cleanup_ */

/* Whether there is a file of NAME, be it as it may. OUTCOME_STORE_UNSAFE if its machine is not a
 * directory. */
int store_client_has(const StoreClient *store, const CredentialName *name, Reason *reason,
                     bool *ret);

/* Whether changes can be made, as far as can be seen before: an errno if not. */
int store_client_writable(const StoreClient *store, Reason *reason);

/* Makes COUNT CHANGES for VERB, see StoreOrigin, all or none: by the broker where it can be
 * reached. Returns as store_commit(), and what the method Commit refuses, such as
 * OUTCOME_UNPROTECTED. If the broker's reply is lost, the commit is tried again, under the
 * condition that what it changes is as it was before the first attempt. */
int store_client_commit(StoreClient *store, const StoreChange *changes, size_t count,
                        const char *verb, Reason *reason);

/* The parameters of the method Commit that make COMMIT, whose record, user and process they leave
 * out; NULL if there is no memory. The sealed files are one after the other in a memfd (IN_DATA),
 * or in the parameters, if they are text. */
struct json_object *commit_to_json(const StoreCommit *commit, bool in_data);

/* A sealed file of the store. */
typedef struct StoreClientEntry {
    CredentialName name;
    Bytes file, raw; /* as it is, and without base64, which .sections borrows */
    CredentialSections sections;
} StoreClientEntry;

void store_client_entry_done(StoreClientEntry *entry); /* for _cleanup_ */

/* Returns as store_read(), credential_decode() and credential_parse(). */
int store_client_read(const StoreClient *store, const CredentialName *name, Reason *reason,
                      StoreClientEntry *ret);

/* The same of the accepted set of FLEET, if that is neither NULL nor "". RET_ORIGIN may be NULL.
 * Returns as fleet_read(). */
int store_client_read_delivered(const StoreClient *store, const char *fleet,
                                const CredentialName *name, Reason *reason, StoreClientEntry *ret,
                                FleetOrigin *ret_origin);

/* Opens it if it is sealed under its own name, as it has to be for the broker. What is in STORE
 * (NULL: it is elsewhere) and does not open because of its PCRs becomes its predecessor, if it has
 * one, as in the broker. */
int store_client_entry_open(const Store *store, Unsealer *unsealer, StoreClientEntry *entry,
                            Reason *reason, CredentialMetadata *ret_metadata, Secret **ret);

/* --- whether it opens --- */

/* The result of opening a credential: whether it opens, and when it expires. */
typedef struct OpenCheck {
    int rc; /* why it does not open; OUTCOME_EXPIRED is known as if it did */
    Reason reason;
    CredentialMetadata metadata; /* if .rc is 0 or OUTCOME_EXPIRED */
    size_t size;                 /* of the value, as .metadata */
} OpenCheck;

/* Opens ENTRY as store_client_entry_open() and forgets its value. UNSEALER's spec has to be for
 * USEC_INFINITY, so that what has expired opens as well. */
void open_check_entry(const Store *store, Unsealer *unsealer, StoreClientEntry *entry,
                      OpenCheck *ret);

/* Whether METADATA says when it expires. */
static inline bool open_check_knows_expiry(const OpenCheck *check)
{
    return check->rc == 0 || check->rc == OUTCOME_EXPIRED;
}

/* The time of expiry THEN: "never", "2027-01-31 12:00, in 89 d 1 h", "2025-01-01 12:00, 3 d 0 h
 * ago".
 */
#define OPEN_CHECK_EXPIRY_BYTES 80
void open_check_format_expiry(uint64_t then, uint64_t now, char text[OPEN_CHECK_EXPIRY_BYTES]);

/* --- without the broker: a commit that leaves the audit entries which the broker would write, one
 * for each credential that changed --- */

/* The journal; NULL where there is none, for nobody wants audit entries among a command's messages.
 */
AuditSink *audited_commit_journal(void);

/* As store_commit(), whose .applied and .userdata are not used. Entries go to SINK (NULL: nowhere),
 * also those of an earlier commit that is completed here. */
int audited_commit(const Store *store, const StoreCommit *commit, AuditSink *sink, Reason *reason);
