/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One request's way from a name to a plaintext, without the connection.
 *
 *     request_begin ──► request_advance ──► done
 *                          ▲       └─► wants the TPM's key ─┐
 *                          └──── request_give_key ◄─────────┘
 *
 * What is asked for is a list of parts (server/resolution.h). All that can be seen without the TPM
 * is seen first, of every part, so that it is not asked in vain. Then the parts become values, one
 * after the other; where one takes the TPM's key, the caller gets it, and comes back.
 */

#include "base/digest.h"
#include "credential/open.h"
#include "request/commit.h"
#include "request/generated_secret.h"
#include "request/host_resources.h"
#include "request/resolution.h"

/* A part on its way. */
typedef struct RequestIngredient {
    Bytes sealed;                /* of a sealed file: raw */
    CredentialSections sections; /* of it */
    const Secret *host_key;      /* the resources's, or NULL if it takes none */
    Secret *value;               /* NULL until it is known */
    bool missing;                /* POLICY_GENERATE: it is not in the store */
    bool generating;             /* and has been begun with: */
    GeneratedSecret generated;
    char digest[DIGEST_TEXT_BYTES]; /* POLICY_GENERATE: of the file in the store */
    struct json_object *publish;    /* parameters of a commit of its public half, or NULL */
} RequestIngredient;

typedef struct Request {
    HostResources *resources;
    CredentialName name;
    Resolution resolution;
    RequestIngredient *parts; /* as many as the resolution has */
    size_t next;              /* the first without a value */
} Request;

void request_done(Request *request); /* for _cleanup_ */

/* Plans NAME, for PURPOSE, and loads what there is to load. Every return of resolve(),
 * store_read(), credential_decode(), _parse(), _openable(), host_key_load_passed() and
 * external_file_read_…(). */
int request_begin(HostResources *resources, const CredentialName *name, const Purpose *purpose,
                  Reason *reason, Request *ret);

/* Goes on to the end, RET_WISH is empty then, or to a part that takes a key of the TPM's: then
 * RET_WISH is the one that is wanted, borrowed. Every return of credential_open(), OUTCOME_EMPTY
 * for a secret of size 0, which the peer could not tell from a failed delivery, OUTCOME_TOO_LARGE,
 * what generation_…() return. NOW in µs since 1970. */
int request_advance(Request *request, uint64_t now, Reason *reason, TpmKeyRequest *ret_wanted);

/* The key that was wanted, and what it is sealed to; returns as above. */
int request_give_key(Request *request, const TpmSealedView *sealed, const Secret *tpm_key,
                     uint64_t now, Reason *reason);

/* It cannot be had, but RC, for REASON. 0 if it goes on without, else RC. */
int request_give_failure(Request *request, int rc, Reason *reason);

/* The commit that was wanted ended with RC, for REASON; returns as request_advance(). */
int request_give_commit(Request *request, int rc, Reason *reason);

/* Has public halves put in place that are not there; nobody waits for it. */
void request_publish(const Request *request, CommitQueue *commits);

/* After the end: the plaintext. */
Secret *request_take_value(Request *request);

/* Has REASON say which part failed, where that is not what was asked for. */
void request_blame(const Request *request, Reason *reason);
