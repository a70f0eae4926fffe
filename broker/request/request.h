/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One request, from a credential's name to its plaintext, without the connection.
 *
 *     request_begin ──► request_advance ──► done
 *                          ▲       └─► needs the TPM's key ─┐
 *                          └──── request_give ◄─────────────┘
 *
 * A request is a list of ingredients (request/resolution.h). Whatever can be checked without the
 * TPM is checked for every ingredient first, so that the TPM is not used in vain. Then the
 * ingredients are opened one after the other. If one needs a key of the TPM, the caller gets it and
 * calls request_give().
 *
 * A file that the TPM refuses because of its PCRs may have a predecessor (store/history.h), which
 * is then opened instead. When one of the two has opened in another boot than that of the reseal,
 * it is stored, and the other one goes; no request waits for that.
 *
 * A trial is a request whose value nobody gets (control/check.h). It changes nothing: instead of a
 * secret that is not generated yet, it uses a value that is made in the same way, and forgets it.
 */

#include "fleet/fleet_set.h"
#include "request/host_resources.h"
#include "request/resolution.h"
#include "request/store_job.h"
#include "request/tpm_job.h"

typedef struct Request {
    HostResources *resources;
    StoreQueue *store; /* for commits that nobody waits for; NULL for a trial */
    CredentialName name;
    Resolution resolution;
    size_t next;        /* the first ingredient without a value */
    bool predecessor;   /* one of an ingredient was used (store/history.h) */
    TpmKeyLabel key;    /* of the last sealed key that was used; .outside of any */
    FleetOrigin origin; /* of the last file that came from a fleet */
} Request;

void request_done(Request *request); /* for _cleanup_ */

/* Resolves NAME for PURPOSE, and loads all files. RESOURCES and STORE (NULL for a trial) are
 * borrowed. Returns what resolve(), store_read(), credential_unpack(), credential_openable(),
 * host_key_load_passed() and external_file_read_…() return; .rollback_rc of RESOURCES. */
int request_begin(HostResources *resources, StoreQueue *store, const CredentialName *name,
                  const Purpose *purpose, Reason *reason, Request *ret);

/* Begins a trial of FILE, which is to be stored as NAME, whether the policy lists NAME or not. */
int request_begin_file(HostResources *resources, const CredentialName *name, BytesView file,
                       Reason *reason, Request *ret);

/* Begins a trial of FILE, which a fleet has for NAME, whatever the machine's policy says. */
int request_begin_offered(HostResources *resources, const CredentialName *name, BytesView file,
                          Reason *reason, Request *ret);

/* Continues until all ingredients have values (RET_WANTED is then empty), or until one needs
 * RET_WANTED (borrowed), which for a key is not in the cache of QUEUE. Returns what
 * credential_open() and generated_secret_…() return, OUTCOME_TOO_LARGE, or OUTCOME_EMPTY for an
 * empty secret, which the peer could not tell from a failed delivery. */
int request_advance(Request *request, TpmQueue *queue, Reason *reason, TpmKeyRequest *ret_wanted);

/* Gives the result of what was wanted, or of a commit of the same secret. Returns like
 * request_advance(), or the result's .rc if the request cannot go on without. */
int request_give(Request *request, const JobResult *result, Reason *reason);

/* Whether it contains a secret that is not generated yet. */
bool request_generates(const Request *request);

/* The plaintext, when all ingredients have values. */
Secret *request_take_value(Request *request);
